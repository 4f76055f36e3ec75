"""Near-duplicate groups that are found once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import graft
from services.common.store import Store, open_store
from services.trainer.data.near_duplicates import Pairs, near_duplicates
from services.trainer.kept_groups import grouped
from tests.support.copies import copies, jpeg, scene, sketches

FILES = [*(jpeg(scene(n)) for n in range(6)), copies(scene(2))["mirrored"]]
KEYS = [bytes([n]) * 32 for n in range(len(FILES))]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path), {}) as opened:
        yield opened


def compared() -> Pairs:
    return near_duplicates(sketches(FILES))


def never() -> Pairs:
    raise AssertionError("they were compared again")


def test_the_same_examples_are_compared_once(store: Store) -> None:
    found = grouped(store, "p", KEYS, compared)
    assert found[6] == found[2]
    assert len(set(found.tolist())) == 6
    again = grouped(store, "p", KEYS, never)
    assert again.dtype == found.dtype
    np.testing.assert_array_equal(again, found)


@pytest.mark.parametrize("other", ["project", "order", "number"])
def test_other_examples_or_another_project_are_compared_anew(store: Store, other: str) -> None:
    grouped(store, "p", KEYS, compared)
    keys = {"project": KEYS, "order": KEYS[::-1], "number": KEYS[:-1]}[other]
    with pytest.raises(AssertionError, match="compared again"):
        grouped(store, "q" if other == "project" else "p", keys, never)


def test_another_version_of_the_suite_compares_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped(store, "p", KEYS, compared)
    monkeypatch.setattr(graft, "__version__", "0.0.0.other")
    with pytest.raises(AssertionError, match="compared again"):
        grouped(store, "p", KEYS, never)


def test_what_is_damaged_is_written_anew(store: Store) -> None:
    found = grouped(store, "p", KEYS, compared)
    (kept,) = store.list("projects/p/")
    store.put(kept.key, b"short")
    np.testing.assert_array_equal(grouped(store, "p", KEYS, compared), found)
    np.testing.assert_array_equal(grouped(store, "p", KEYS, never), found)
