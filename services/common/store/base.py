"""What an object store is to Graft: whole objects under slash-separated keys, written atomically.

Laws that every driver keeps, and that `tests/contracts/test_store.py` checks on each:

- A reader sees a whole object or none; never a part of one, never a mix of two.
- Of any number of writers racing with `if_absent`, exactly one wins and the others get Conflict.
- `replace` writes only over the very object whose etag was read.
- After Unavailable a write may or may not have happened: read before writing again.

Callers never use a key that is also the folder of others (`a` beside `a/b`): some stores refuse.

A store may be shared by threads. A process opens its own: connections do not survive a fork.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from graft.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound, Unavailable

MAX_KEY_BYTES = 1024
RETRY_AFTER_S = 1.0
AWAY = "STORE_UNAVAILABLE"
MAX_PART_BYTES = 255
RESERVED = ".graft-store"  # the folder in which the file driver keeps its own files
Names = list[str]  # inside Store, `list` is the method
_FORBIDDEN = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object: `size` in bytes; `etag` changes with every change of its content."""

    key: str
    size: int
    etag: str


class Store(ABC):
    """Whole objects under keys, in a folder or a bucket; synchronous and thread-safe.

    Paths of local files are the caller's: what is wrong with them is an OSError.
    Every method may raise InvalidArgument (a bad key), Unavailable (no answer in time; its reason
    is AWAY) and FailedPrecondition (access denied, no such bucket: the text says the fix).
    """

    url: str
    """`file:///absolute/folder` or `s3://bucket/prefix`; `open_store` opens it again."""

    def get(self, key: str) -> bytes:
        """Return the whole object. Raises NotFound."""
        return self.get_with_info(key)[0]

    @abstractmethod
    def get_with_info(self, key: str) -> tuple[bytes, ObjectInfo]:
        """Return the whole object and the etag of exactly these bytes. Raises NotFound."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo | None:
        """Describe an object without reading it; None where there is none."""

    @abstractmethod
    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> ObjectInfo:
        """Write a whole object. With `if_absent`, raises Conflict where the key exists."""

    @abstractmethod
    def replace(self, key: str, data: bytes, *, etag: str) -> ObjectInfo:
        """Write over the object that has this etag. Raises Conflict where it changed or is gone."""

    @abstractmethod
    def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Write a whole object from a file, in bounded memory."""

    @abstractmethod
    def get_file(self, key: str, path: Path) -> ObjectInfo:
        """Copy an object to `path`, whole or not at all, in bounded memory. Raises NotFound."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Describe all objects whose key starts with `prefix` ("" is all), ascending by key."""

    @abstractmethod
    def children(self, prefix: str) -> Names:
        """Return the names just below a folder ("" or ending with "/"), objects and folders alike.

        Names come sorted and without a slash; a folder that holds no object is no child.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""

    @abstractmethod
    def delete_prefix(self, prefix: str) -> None:
        """Remove everything below a folder (ending with "/"); no error where there is nothing."""

    @abstractmethod
    def table_location(self, key: str) -> tuple[str, dict[str, str]]:
        """Return the uri and the storage options under which Lance finds the table at `key`."""

    def close(self) -> None:  # noqa: B027 - a driver without connections has nothing to close
        """Give connections back. The store is of no use afterwards."""

    def probe(self) -> None:
        """Check with a throwaway object that the store does what Graft relies on.

        Raises FailedPrecondition naming what is missing, Unavailable where nothing answers.
        """
        key = f"graft-probe-{uuid.uuid4().hex}"
        info = self.put(key, b"1", if_absent=True)
        try:
            _probe_reading(self, key)
            _probe_refusals(self, key, info)
        finally:
            self.delete(key)
        if self.head(key) is not None:
            raise _lacking("deletes (a deleted object is still there)", self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check_key(key: str) -> str:
    """Return `key` if it may name an object; raise InvalidArgument otherwise."""
    try:
        raw = key.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _bad_key(key, "text that UTF-8 can hold") from error
    parts = key.split("/")
    if not _FORBIDDEN.isdisjoint(parts):
        raise _bad_key(key, "relative, with no empty, '.' or '..' part")
    if len(raw) > MAX_KEY_BYTES or any(len(p.encode()) > MAX_PART_BYTES for p in parts):
        raise _bad_key(key, f"<= {MAX_KEY_BYTES} bytes, each part <= {MAX_PART_BYTES} bytes")
    if "\\" in key or any(c < " " or c == "\x7f" for c in key):
        raise _bad_key(key, "without backslashes and control characters")
    if parts[0] == RESERVED:
        raise _bad_key(key, f"outside the reserved folder {RESERVED}")
    return key


def is_key(key: str) -> bool:
    """Whether `key` may name an object; others put other things into folders and buckets."""
    try:
        check_key(key)
    except InvalidArgument:
        return False
    return True


def check_prefix(prefix: str) -> str:
    """Return `prefix` if keys may start with it: "", a folder with its slash, or part of a name."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def check_folder(prefix: str, *, allow_all: bool = False) -> str:
    """Return `prefix` if it names a folder: it ends with "/", or is "" with `allow_all`."""
    if prefix == "" and allow_all:
        return prefix
    if not prefix.endswith("/"):
        raise InvalidArgument(f"a folder prefix must end with '/', got {prefix!r}")
    return check_prefix(prefix)


def away(text: str) -> Unavailable:
    """The error for a store that does not answer now; the text ends with what was received."""
    return Unavailable(text, reason=AWAY, retry_after_s=RETRY_AFTER_S)


def not_found(key: str, cause: BaseException | None = None) -> NotFound:
    """The error for a key that holds no object."""
    error = NotFound(f"no object under the key {key!r} in the store", metadata={"key": key})
    error.__cause__ = cause
    return error


def exists(key: str) -> Conflict:
    """The error for a lost race with `if_absent`."""
    return Conflict(f"the object {key!r} exists already; read it", metadata={"key": key})


def changed(key: str, etag: str) -> Conflict:
    """The error for a lost race with `replace`."""
    return Conflict(
        f"the object {key!r} was written or deleted since it was read; read it again, had {etag!r}",
        metadata={"key": key},
    )


def _bad_key(key: str, wanted: str) -> InvalidArgument:
    return InvalidArgument(f"a store key must be {wanted}, got {key!r}")


def _lacking(feature: str, url: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the object store lacks {feature}; use a folder, or an S3 server that has it, got {url}",
        reason="STORE_UNSUITABLE",
        metadata={"lacks": feature},
    )


def _probe_reading(store: Store, key: str) -> None:
    if store.get(key) != b"1":
        raise _lacking("read-after-write (another object came back)", store.url)
    if [info.key for info in store.list(key)] != [key]:
        raise _lacking("list-after-write (a new object is not listed)", store.url)


def _probe_refusals(store: Store, key: str, info: ObjectInfo) -> None:
    try:
        store.put(key, b"2", if_absent=True)
    except Conflict:
        pass
    else:
        raise _lacking("conditional writes (PUT with If-None-Match: *)", store.url)
    current = store.replace(key, b"2", etag=info.etag)
    try:
        store.replace(key, b"3", etag=info.etag)
    except Conflict:
        return
    raise _lacking(f"conditional writes (PUT with If-Match: {current.etag})", store.url)
