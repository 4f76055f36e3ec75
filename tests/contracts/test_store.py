"""What every object store keeps, on a folder and on S3 alike (laws in `store/base.py`)."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from graft.errors import Conflict, InvalidArgument, NotFound
from services.common.store import ObjectInfo, Store
from tests.contracts.processes import run_at_once
from tests.fixtures.s3 import StoreLocation

RACERS = 8
MANY = 1100  # more than one page of an S3 listing
BIG_BYTES = 20 << 20

ODD_KEYS = [
    "a b/c+d&e=f?g#h%i.json",
    "Ünïcode/猫/🐈.png",
    "quote'\"<>|*:;,~^`{}[]()!@$",
    "%2e%2e/%2F",
    ".hidden/..twodots/...",
    "-dash/_under/",
    "x" * 255 + "/" + "y" * 255,
]
BAD_KEYS = [
    "",
    "/",
    "/abs",
    "a//b",
    "a/",
    ".",
    "..",
    "a/../b",
    "./a",
    "a/.",
    "a\\b",
    "a\x00b",
    "a\nb",
    "\ud800",
    "x" * 256,
    "/".join(["abcdefg"] * 129),
    ".graft-store/tmp/x",
]


def test_an_object_comes_back_as_it_was_put(store: Store) -> None:
    written = store.put("a/b/c.bin", b"\x00\xffdata")
    assert store.get("a/b/c.bin") == b"\x00\xffdata"
    assert store.get_with_info("a/b/c.bin") == (b"\x00\xffdata", written)
    assert store.head("a/b/c.bin") == written
    assert list(store.list("")) == [written]
    assert (written.key, written.size) == ("a/b/c.bin", 6)


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert store.head("empty") == store.get_with_info("empty")[1]


def test_what_is_not_there_is_not_found(store: Store, tmp_path: Path) -> None:
    store.put("folder/object", b"1")
    for key in ("none", "folder", "folder/none", "folder/object/below"):
        with pytest.raises(NotFound) as caught:
            store.get(key)
        assert caught.value.metadata == {"key": key}
        assert store.head(key) is None
    with pytest.raises(NotFound):
        store.get_file("none", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_put_writes_over_and_the_etag_follows_the_content(store: Store) -> None:
    first = store.put("k", b"one")
    second = store.put("k", b"two")
    assert first.etag != second.etag
    assert store.get_with_info("k") == (b"two", second)


def test_put_if_absent_refuses_a_taken_key(store: Store) -> None:
    first = store.put("k", b"one", if_absent=True)
    with pytest.raises(Conflict, match="'k'"):
        store.put("k", b"two", if_absent=True)
    assert store.get_with_info("k") == (b"one", first)


def test_replace_writes_only_over_what_was_read(store: Store) -> None:
    first = store.put("k", b"one")
    second = store.replace("k", b"two", etag=first.etag)
    with pytest.raises(Conflict):
        store.replace("k", b"three", etag=first.etag)
    assert store.get_with_info("k") == (b"two", second)
    store.delete("k")
    with pytest.raises(Conflict):
        store.replace("k", b"four", etag=second.etag)
    assert store.head("k") is None


def _race(meet: Callable[[], None], location: StoreLocation, key: str, name: str) -> str:
    with location.open() as store:
        meet()
        try:
            store.put(key, name.encode() * 1000, if_absent=True)
        except Conflict:
            return ""
        return name


def test_exactly_one_of_eight_processes_wins_a_key(
    store: Store, store_location: StoreLocation
) -> None:
    names = [f"{number:03d}" for number in range(RACERS)]
    answers = run_at_once(_race, [(store_location, "jobs/j/1.json", name) for name in names])
    (winner,) = [name for name in answers if name]
    assert answers.count("") == RACERS - 1
    assert store.get("jobs/j/1.json") == winner.encode() * 1000
    assert [info.key for info in store.list("")] == ["jobs/j/1.json"]


def _increment(meet: Callable[[], None], location: StoreLocation, times: int) -> int:
    """Add to a counter by replace; returns how many races were lost."""
    lost = done = 0
    with location.open() as store:
        meet()
        while done < times:
            data, info = store.get_with_info("counter")
            try:
                store.replace("counter", str(int(data) + 1).encode(), etag=info.etag)
                done += 1
            except Conflict:
                lost += 1
    return lost


def test_no_increment_is_lost_between_four_processes(
    store: Store, store_location: StoreLocation
) -> None:
    store.put("counter", b"0")
    answers = run_at_once(_increment, [(store_location, 10)] * 4)
    assert all(isinstance(lost, int) for lost in answers), answers
    assert store.get("counter") == b"40"


def _alternate(meet: Callable[[], None], location: StoreLocation, size: int) -> str:
    with location.open() as store:
        meet()
        for number in range(40):
            store.put("shared", bytes([number]) * size)
    return "done"


def test_readers_never_see_a_part_or_a_mix(store: Store, store_location: StoreLocation) -> None:
    size = 1 << 20
    store.put("shared", b"\xff" * size)
    seen: list[bytes] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            data = store.get("shared")
            seen.append(data[:1] if data == data[:1] * size else b"torn")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    answers = run_at_once(_alternate, [(store_location, size)])
    stop.set()
    for reader in readers:
        reader.join()
    assert answers == ["done"]
    assert b"torn" not in seen
    assert len(set(seen)) > 1, "the readers saw no write at all"


def test_a_big_file_goes_in_and_out(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(BIG_BYTES))
    written = store.put_file("big/file", source)
    assert written == store.head("big/file")
    assert written.size == BIG_BYTES
    copied = store.get_file("big/file", tmp_path / "new" / "copy")
    assert copied == written
    assert (tmp_path / "new" / "copy").read_bytes() == source.read_bytes()
    assert os.listdir(tmp_path / "new") == ["copy"]


def test_get_file_writes_over_an_older_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"old and longer")
    store.put("k", b"new")
    store.get_file("k", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"new"


def test_a_listing_is_complete_and_sorted_by_whole_keys(store: Store) -> None:
    keys = [f"many/{number:04d}" for number in range(MANY)]
    keys += ["many-more/a", "many.json", "many/0000-b/c", "manx/a", "other/b"]
    for key in keys:
        store.put(key, b"")
    assert [info.key for info in store.list("")] == sorted(keys)
    under = sorted(key for key in keys if key.startswith("many/"))
    assert [info.key for info in store.list("many/")] == under
    partial = sorted(key for key in keys if key.startswith("many/000"))
    assert [info.key for info in store.list("many/000")] == partial
    assert [info.key for info in store.list("man")] == sorted(k for k in keys if k != "other/b")
    assert list(store.list("none/")) == []
    store.delete_prefix("many/")
    assert [info.key for info in store.list("")] == sorted(set(keys) - set(under))


def test_children_are_names_of_objects_and_folders(store: Store) -> None:
    for key in ("p/b/1", "p/b/2", "p/a.json", "p/c/d/e", "q"):
        store.put(key, b"")
    assert store.children("") == ["p", "q"]
    assert store.children("p/") == ["a.json", "b", "c"]
    assert store.children("p/b/") == ["1", "2"]
    assert store.children("none/") == []
    store.delete("p/c/d/e")
    assert store.children("p/") == ["a.json", "b"]


def test_deleting_twice_is_no_error(store: Store) -> None:
    store.put("a/b", b"1")
    store.delete("a/b")
    store.delete("a/b")
    assert store.head("a/b") is None
    assert store.put("a", b"now a name").size == 10


def test_delete_prefix_takes_a_folder_and_nothing_beside_it(store: Store) -> None:
    for key in ("m/pet/1", "m/pet/2/3", "m/pets/1", "m/pet.json"):
        store.put(key, b"")
    store.delete_prefix("m/pet/")
    store.delete_prefix("m/pet/")
    assert [info.key for info in store.list("")] == ["m/pet.json", "m/pets/1"]
    for prefix in ("", "m/pet", "/", "../"):
        with pytest.raises(InvalidArgument):
            store.delete_prefix(prefix)


@pytest.mark.parametrize("key", [key.strip("/") for key in ODD_KEYS])
def test_odd_keys_are_kept_as_they_are(store: Store, key: str, tmp_path: Path) -> None:
    written = store.put(key, b"1", if_absent=True)
    replaced = store.replace(key, b"22", etag=written.etag)
    assert store.get(key) == b"22"
    assert list(store.list("")) == [replaced]
    assert list(store.list(key[:3])) == [replaced]
    assert store.children("") == [key.split("/")[0]]
    assert store.get_file(key, tmp_path / "copy").size == 2
    store.delete(key)
    assert list(store.list("")) == []


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_are_refused_everywhere(store: Store, key: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"")
    calls: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.put(key, b""),
        lambda: store.put(key, b"", if_absent=True),
        lambda: store.replace(key, b"", etag="0"),
        lambda: store.put_file(key, tmp_path / "source"),
        lambda: store.get_file(key, tmp_path / "copy"),
        lambda: store.delete(key),
        lambda: store.table_location(key),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument):
            call()
    assert list(store.list("")) == []


def test_a_key_of_the_longest_length_is_kept(store_location: StoreLocation) -> None:
    with store_location.open() as store:
        room = 1024 - len("0" * 33)  # a bucket's prefix counts there
        key = "/".join(["k" * 120] * 8)[:room].rstrip("/")
        store.put(key, b"1")
        assert [info.key for info in store.list("k")] == [key]


def test_threads_share_one_store(store: Store) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(20):
                key = f"{name}/{number}"
                store.put(key, key.encode())
                assert store.get(key) == key.encode()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(uuid.uuid4().hex,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(store.list(""))) == 160


def test_probe_is_content_and_leaves_nothing(store: Store) -> None:
    store.probe()
    assert list(store.list("")) == []


def test_the_url_opens_the_same_store(store: Store, store_location: StoreLocation) -> None:
    info: ObjectInfo = store.put("k", b"1")
    with StoreLocation(store.url, store_location.environ).open() as again:
        assert again.head("k") == info
        assert again.url == store.url
