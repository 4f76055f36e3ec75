"""The folder as a store: what crashed writers leave, links, and what the disk may answer."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graft.errors import (
    FailedPrecondition,
    GraftError,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from services.common.store.base import RESERVED
from services.common.store.file import LEFTOVER_MAX_AGE_S, FileStore, _translate
from services.common.store.filelock import file_lock

ROOT = Path(__file__).parents[4]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


_SLOW_WRITER = """
import sys
from pathlib import Path
from services.common.store.file import FileStore
store = FileStore(Path(sys.argv[1]))
store.put_file("big", Path(sys.argv[2]))
"""


def test_a_writer_killed_in_the_middle_leaves_nothing_to_see(
    store: FileStore, folder: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    arguments = [sys.executable, "-c", _SLOW_WRITER, str(folder), str(pipe)]
    with (
        subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}) as writer,
        pipe.open("wb", buffering=0) as feed,
    ):
        feed.write(b"x" * 4096)
        _wait_for(lambda: bool(_leftovers(folder)))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(_leftovers(folder)) == 1
    assert list(store.list("")) == []
    assert store.head("big") is None
    assert store.children("") == []


def test_leftovers_go_when_they_are_old_and_not_before(folder: Path) -> None:
    FileStore(folder)
    temp = folder / RESERVED / "tmp"
    (temp / "young").write_bytes(b"1")
    (temp / "old").write_bytes(b"1")
    (temp / "old-folder" / "below").mkdir(parents=True)
    old = time.time() - LEFTOVER_MAX_AGE_S - 60
    os.utime(temp / "old", (old, old))
    os.utime(temp / "old-folder", (old, old))
    FileStore(folder)
    assert os.listdir(temp) == ["young"]


def test_no_link_is_followed_out_of_the_folder(
    store: FileStore, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "file").symlink_to(tmp_path / "outside" / "secret")
    for key in ("link/secret", "file"):
        for call in (store.get, store.head, store.delete, lambda k: store.put(k, b"")):
            with pytest.raises(InvalidArgument, match="symbolic link"):
                call(key)
    with pytest.raises(InvalidArgument):
        store.delete_prefix("link/")
    assert list(store.list("")) == []
    assert store.children("") == []
    assert (tmp_path / "outside" / "secret").read_bytes() == b"secret"


def test_deleting_a_folder_keeps_what_its_links_point_to(
    store: FileStore, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_bytes(b"1")
    store.put("a/b", b"1")
    (folder / "a" / "link").symlink_to(tmp_path / "outside")
    store.delete_prefix("a/")
    assert (tmp_path / "outside" / "kept").exists()
    assert not (folder / "a").exists()


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    store = FileStore(tmp_path / "store")
    store.put("a/b", b"1")
    assert (tmp_path / "disk" / "a" / "b").read_bytes() == b"1"


def test_strange_files_in_the_folder_are_no_objects(store: FileStore, folder: Path) -> None:
    os.mkdir(os.fsencode(folder) + b"/\xff\xfe")
    with open(os.fsencode(folder) + b"/\xfe.bin", "wb"):
        pass
    (folder / "new\nline").write_bytes(b"")
    (folder / "empty" / "folder").mkdir(parents=True)
    assert list(store.list("")) == []
    assert store.children("") == []


def test_a_key_is_never_also_a_folder(store: FileStore) -> None:
    store.put("a/b", b"1")
    for key in ("a", "a/b/c"):
        for if_absent in (False, True):
            with pytest.raises(InvalidArgument, match="folder of other keys"):
                store.put(key, b"2", if_absent=if_absent)
    with pytest.raises(NotFound):
        store.get("a")
    assert [info.key for info in store.list("")] == ["a/b"]


def test_deleting_prunes_empty_folders(store: FileStore, folder: Path) -> None:
    store.put("a/b/c", b"1")
    store.put("a/d", b"1")
    store.delete("a/b/c")
    assert os.listdir(folder / "a") == ["d"]
    store.delete("a/d")
    assert os.listdir(folder) == [RESERVED]


def test_the_etag_differs_between_writes_of_one_tick(store: FileStore) -> None:
    """Also where the second writer gets back the inode of the first."""
    etags = [store.put("k", b"same").etag for _ in range(50)]
    assert len(set(etags)) == 50


def test_a_folder_that_is_pruned_while_it_is_made_is_made_again(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, met = os.mkdir, [FileExistsError(errno.EEXIST, "File exists")]

    def mkdir(path: str, mode: int = 0o777) -> None:
        """Somebody else's folder is in the way once, and gone when one looks."""
        if met:
            raise met.pop()
        real(path, mode)

    monkeypatch.setattr(os, "mkdir", mkdir)
    store.put("a/b", b"1")
    assert (store.get("a/b"), met) == (b"1", [])


def test_a_lock_that_is_not_given_back_is_unavailable(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "lock"),
        pytest.raises(Unavailable, match="holds a lock"),
        file_lock(tmp_path / "lock", max_wait_s=0.01),
    ):
        pass
    with file_lock(tmp_path / "lock", max_wait_s=0.0):
        pass


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOSPC, ResourceExhausted, "no space"),
        (errno.EDQUOT, ResourceExhausted, "no space"),
        (errno.EACCES, FailedPrecondition, "owner and mode"),
        (errno.EROFS, FailedPrecondition, "owner and mode"),
        (errno.EOPNOTSUPP, FailedPrecondition, "lacks links or locks"),
        (errno.EIO, Unavailable, "does not answer"),
        (errno.ESTALE, Unavailable, "does not answer"),
    ],
)
def test_what_the_disk_answers_has_a_kind(number: int, kind: type[GraftError], word: str) -> None:
    error = _translate(OSError(number, os.strerror(number)), "a/b")
    assert type(error) is kind
    assert word in str(error)
    assert str(error).endswith(os.strerror(number))


def test_a_full_disk_is_resource_exhausted_and_loses_nothing(tmp_path: Path) -> None:
    """With the process's own limit on file size, which the kernel enforces as a disk would."""
    script = """
import resource, signal, sys
from pathlib import Path
from graft.errors import ResourceExhausted
from services.common.store.file import FileStore
store = FileStore(Path(sys.argv[1]))
store.put("k", b"old")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    store.put("k", b"x" * (1 << 20))
except ResourceExhausted:
    print(store.get("k").decode(), len(list((Path(sys.argv[1]) / ".graft-store/tmp").iterdir())))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "old 0\n"


def _leftovers(folder: Path) -> list[str]:
    return os.listdir(folder / RESERVED / "tmp")


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_folder_that_is_gone_is_away_and_not_empty(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    store.put("a/b", b"1")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    for ask in (store.get, store.head, lambda key: list(store.list(key))):
        with pytest.raises(Unavailable, match="gone"):
            ask("a/b")
    with pytest.raises(Unavailable, match="gone") as caught:
        store.children("a/")
    assert (caught.value.reason, caught.value.retry_after_s) == ("STORE_UNAVAILABLE", 1.0)
    (tmp_path / "elsewhere").rename(tmp_path / "store")
    assert store.get("a/b") == b"1"


def test_a_write_that_fails_is_told_and_not_that_its_leftover_cannot_be_removed(
    store: FileStore, folder: Path
) -> None:
    """As on a disk that has become read-only, where the removal fails too."""
    (folder / RESERVED / "tmp").rmdir()
    (folder / RESERVED / "tmp").touch()
    with pytest.raises(GraftError, match="'a/b'"):
        store.put("a/b", b"1")
