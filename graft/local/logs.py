"""The services' logs: bounded in size, and their last words quoted when one crashes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import IO, Final

from graft.errors import FailedPrecondition

MAX_LOG_BYTES: Final = 32 * 1024 * 1024
"""A log that grows above this is moved to NAME.log.1, which replaces the one before."""

_TAIL_BYTES: Final = 8192
_SHOWN: Final = 400


def open_log(path: Path, *, fresh: bool = False) -> IO[bytes]:
    """Open a log to append to it, or `fresh`; raise FailedPrecondition where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb" if fresh else "ab")
    except OSError as error:
        raise FailedPrecondition(
            f"cannot write {path}: {error.strerror}; choose another folder with --data, or another"
            f" HOME. Received: {str(path.parent)!r}"
        ) from error


def rotate(path: Path) -> None:
    """Keep a log below its bound; its writer, which appends, goes on at the start."""
    try:
        if path.stat().st_size <= MAX_LOG_BYTES:
            return
        shutil.copyfile(path, path.with_suffix(".log.1"))
        os.truncate(path, 0)
    except FileNotFoundError:
        return


def last_words(path: Path) -> str:
    """Answer the last message in a log, without its JSON around it; "" when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    lines = [line for line in text.splitlines() if line.strip()]
    return _message(lines[-1])[:_SHOWN] if lines else ""


def _message(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    return str(entry.get("message", line)) if isinstance(entry, dict) else line
