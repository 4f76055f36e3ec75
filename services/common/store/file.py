"""The embedded store: one file an object, in a folder that any number of processes may share.

An object is written to a temporary file in a hidden folder on the same filesystem, synced, and
then appears under its name in one step: `link` where it must be new, `rename` otherwise.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from graft.errors import (
    FailedPrecondition,
    GraftError,
    InvalidArgument,
    ResourceExhausted,
)
from services.common.store.base import (
    RESERVED,
    Names,
    ObjectInfo,
    Store,
    away,
    changed,
    check_folder,
    check_key,
    check_prefix,
    exists,
    not_found,
)
from services.common.store.filelock import file_lock
from services.common.store.folder import entry_key, scan, sweep, walk
from services.common.store.newfile import new_file

LEFTOVER_MAX_AGE_S = 3600.0
LOCKS = 64  # keys share lock files, so that their number stays bounded
_PUBLISH_ATTEMPTS = 10
_CHUNK_BYTES = 1 << 20
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNFIT = frozenset({errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EXDEV})
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FileStore(Store):
    """Objects as files below one folder; no symbolic link below it is ever followed."""

    def __init__(self, root: Path) -> None:
        """Open the folder `root` and make it if need be; forget what crashed writers left."""
        with _translated(str(root)):
            root.mkdir(parents=True, exist_ok=True)
            self._root = Path(os.path.realpath(root))
            self._temp = self._root / RESERVED / "tmp"
            self._locks = self._root / RESERVED / "locks"
            self._temp.mkdir(parents=True, exist_ok=True)
            self._locks.mkdir(parents=True, exist_ok=True)
        self.url = self._root.as_uri()
        sweep(self._temp, older_than=time.time() - LEFTOVER_MAX_AGE_S)

    def get_with_info(self, key: str) -> tuple[bytes, ObjectInfo]:
        with _translated(key), self._open(key) as file:
            data = file.read()
            return data, _info(key, os.fstat(file.fileno()))

    def head(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        with _translated(key):
            try:
                status = path.stat()
            except _ABSENT:
                self._check_there()
                return None
        return None if stat.S_ISDIR(status.st_mode) else _info(key, status)

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> ObjectInfo:
        path = self._path(key)
        if if_absent and path.is_file():
            raise exists(key)  # spares the write; the link below decides races
        step = _link(key) if if_absent else os.replace
        return self._write(key, path, lambda file: file.write(data), step)

    def replace(self, key: str, data: bytes, *, etag: str) -> ObjectInfo:
        def step(temp: Path, path: Path) -> None:
            current = self.head(key)
            if current is None or current.etag != etag:
                raise changed(key, etag)
            os.replace(temp, path)

        return self._write(key, self._path(key), lambda file: file.write(data), step)

    def put_file(self, key: str, path: Path) -> ObjectInfo:
        target = self._path(key)
        with path.open("rb") as source:
            return self._write(key, target, lambda file: _copy(source, file), os.replace)

    def get_file(self, key: str, path: Path) -> ObjectInfo:
        with _translated(key), self._open(key) as file:
            with new_file(path) as copy:
                _copy(file, copy)
            return _info(key, os.fstat(file.fileno()))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = check_prefix(prefix).rpartition("/")[0]
        start = self._path(folder) if folder else self._root
        self._check_there()
        with _translated(prefix):
            for key, entry in walk(start, f"{folder}/" if folder else "", prefix):
                with suppress(FileNotFoundError):  # deleted while we listed
                    yield _info(key, entry.stat(follow_symlinks=False))

    def children(self, prefix: str) -> Names:
        folder = check_folder(prefix, allow_all=True).removesuffix("/")
        start = self._path(folder) if folder else self._root
        self._check_there()
        with _translated(prefix):
            found = (entry_key(entry, prefix) for entry in scan(start, prefix))
            return sorted(
                name.removeprefix(prefix).removesuffix("/")
                for name in found
                if not name.endswith("/") or self._holds_any(name)
            )

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _translated(key), self._locked(key), suppress(*_ABSENT):
            os.unlink(path)
        self._prune(path.parent)

    def delete_prefix(self, prefix: str) -> None:
        path = self._path(check_folder(prefix).removesuffix("/"))
        trash = self._temp / uuid.uuid4().hex
        with _translated(prefix):
            if path.is_dir():
                with suppress(FileNotFoundError):  # another process deleted it first
                    path.rename(trash)  # gone for everyone at once, whatever its size
                shutil.rmtree(trash, ignore_errors=True)
        self._prune(path.parent)

    def table_location(self, key: str) -> tuple[str, dict[str, str]]:
        return str(self._path(key)), {}

    def _path(self, key: str) -> Path:
        """The file of a key; no part of it is a symbolic link, so it lies below the root."""
        path = self._root / check_key(key)
        real = os.path.realpath(path)
        if real != str(path):
            raise InvalidArgument(f"a store key must not pass a symbolic link, got {key!r}")
        return path

    def _open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except _ABSENT as error:
            self._check_there()
            raise not_found(key, error) from error

    def _check_there(self) -> None:
        """Tell an absent object from an absent store: a folder moved or unmounted is no news."""
        if not self._temp.is_dir():
            raise away(f"the store's folder is gone; bring it back or mount it, got {self.url}")

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        with file_lock(self._locks / f"{zlib.crc32(key.encode()) % LOCKS:02d}"):
            yield

    def _write(
        self,
        key: str,
        path: Path,
        fill: Callable[[BinaryIO], object],
        step: Callable[[Path, Path], None],
    ) -> ObjectInfo:
        temp = self._temp / uuid.uuid4().hex
        try:
            with _translated(key):
                info = _info(key, _write_synced(temp, fill))
                self._publish(key, temp, path, step)
        finally:
            with suppress(OSError):  # it was moved, or never made; a sweep takes what stays
                temp.unlink()
        return info

    def _publish(
        self, key: str, temp: Path, path: Path, step: Callable[[Path, Path], None]
    ) -> None:
        for _ in range(_PUBLISH_ATTEMPTS):
            try:
                made = _make_parents(path)
                with self._locked(key):
                    step(temp, path)
            except FileNotFoundError:
                continue  # a deletion pruned the folder in between
            for folder in made:
                _sync_folder(folder)
            return
        raise away(f"the folder of an object keeps vanishing, got {key!r}")

    def _holds_any(self, prefix: str) -> bool:
        return next(walk(self._root / prefix, prefix, prefix), None) is not None

    def _prune(self, folder: Path) -> None:
        """Remove folders that became empty: a bucket has no empty folders either."""
        with suppress(OSError):
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except GraftError:
        raise
    except OSError as error:
        raise _translate(error, key) from error


def _translate(error: OSError, key: str) -> GraftError:
    got = f"got {key!r}: {error.strerror}"
    if error.errno in _DENIED:
        return FailedPrecondition(f"the store's folder refuses access; check owner and mode, {got}")
    if error.errno in _FULL:
        return ResourceExhausted(f"no space left in the store's folder; free some, {got}")
    if error.errno in _UNFIT:
        return FailedPrecondition(f"the store's filesystem lacks links or locks, {got}")
    if isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError):
        return InvalidArgument(f"a store key must not be the folder of other keys, {got}")
    return away(f"the store's folder does not answer, {got}")


def _link(key: str) -> Callable[[Path, Path], None]:
    def step(temp: Path, path: Path) -> None:
        try:
            os.link(temp, path)
        except FileExistsError as error:
            if path.is_dir():
                raise
            raise exists(key) from error

    return step


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"
    return ObjectInfo(key=key, size=status.st_size, etag=etag)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    shutil.copyfileobj(source, target, _CHUNK_BYTES)


def _write_synced(temp: Path, fill: Callable[[BinaryIO], object]) -> os.stat_result:
    with temp.open("xb") as file:
        fill(file)
        file.flush()
        # The kernel's own stamps are milliseconds apart; an etag must differ between any two
        # writes, also when the second one gets the inode that the first has just given back.
        now = time.time_ns()
        os.utime(file.fileno(), ns=(now, now))
        os.fsync(file.fileno())
        return os.fstat(file.fileno())


def _make_parents(path: Path) -> list[Path]:
    """Make the folders above `path`; return those whose entries must reach the disk."""
    changed_folders = [path.parent]
    for folder in path.parents:
        if folder.is_dir():
            break
        changed_folders.append(folder.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        if any(folder.is_file() for folder in path.parents):
            raise
        raise FileNotFoundError(path.parent) from error  # it was there, and is pruned already
    return changed_folders


def _sync_folder(folder: Path) -> None:
    with suppress(FileNotFoundError):  # pruned again; then there is nothing to keep
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
