"""The lock that says that a supervisor runs for a HOME; the system frees it with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from graft.errors import AlreadyExists, FailedPrecondition

_NAME: Final = "up.lock"
_TRIES: Final = 4
_PAUSE_S: Final = 0.05
"""Between tries: whoever only asks `is_held` has the lock for an instant."""


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of ~/.graft; raise AlreadyExists when another supervisor does.

    Raises FailedPrecondition when the folder cannot be written.
    """
    with _open(home) as lock:
        for _ in range(_TRIES):
            if _try(lock.fileno()):
                yield
                return
            time.sleep(_PAUSE_S)
    raise AlreadyExists(f"a suite runs already for {home}; `graft down` stops it. Received: {home}")


def _open(home: Path) -> IO[str]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        return (home / _NAME).open("a")
    except OSError as error:
        raise FailedPrecondition(
            f"cannot write {home}: {error.strerror}; set HOME to a folder of yours."
            f" Received: {str(home)!r}"
        ) from error


def is_held(home: Path) -> bool:
    """Whether a supervisor runs, also one that has not written run.json yet."""
    try:
        with (home / _NAME).open("a") as lock:
            return not _try(lock.fileno())
    except FileNotFoundError:
        return False


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
