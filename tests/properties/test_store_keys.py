"""Whatever a key says, it stays in the folder, and a listing is the sorted set of keys."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from graft.errors import InvalidArgument
from services.common.store.base import check_key
from services.common.store.file import FileStore

parts = st.text(alphabet=st.sampled_from("a.-/_ \\\x00é0"), min_size=0, max_size=12)
names = st.text(alphabet=st.sampled_from("ab.-!0~é"), min_size=1, max_size=3)
keys = st.lists(names, min_size=1, max_size=3).map("/".join)


@given(st.one_of(parts, st.text(max_size=40)))
def test_an_accepted_key_lies_below_the_root(key: str) -> None:
    try:
        check_key(key)
    except InvalidArgument:
        return
    assert os.path.normpath(f"/store/{key}") == f"/store/{key}"
    assert key.encode().decode() == key


@settings(deadline=None, max_examples=40)
@given(st.sets(keys, max_size=12), st.sampled_from(["", "a", "a/", "a.", "b/a"]))
def test_a_listing_is_the_sorted_set_of_keys(wanted: set[str], prefix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FileStore(Path(folder))
        kept = set()
        for key in sorted(wanted):
            try:
                store.put(key, key.encode())
            except InvalidArgument:  # a bad name, or the folder of another key
                continue
            kept.add(key)
        found = [info.key for info in store.list(prefix)]
        assert found == sorted(key for key in kept if key.startswith(prefix))
        assert all(store.get(key) == key.encode() for key in kept)
        for key in kept:
            store.delete(key)
        assert os.listdir(folder) == [".graft-store"]
