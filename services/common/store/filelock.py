"""A lock between processes on one machine (or one shared folder), by `flock`."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.common.store.base import away

MAX_WAIT_S = 10.0
_POLL_S = 0.002


@contextmanager
def file_lock(path: Path, *, max_wait_s: float = MAX_WAIT_S) -> Iterator[None]:
    """Hold `path` against all other threads and processes; a holder that dies lets go.

    Raises Unavailable where another holder keeps it longer than `max_wait_s`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(handle, path, time.monotonic() + max_wait_s)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise away(
                    f"another process holds a lock of the store for too long, got {str(path)!r}"
                ) from error
        time.sleep(_POLL_S)
