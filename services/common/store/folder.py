"""What lies in a store's folder: its objects in the order of their keys, and old leftovers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from services.common.store.base import RESERVED, is_key

_ABSENT = (FileNotFoundError, NotADirectoryError)


def scan(folder: Path, key: str) -> list[os.DirEntry[str]]:
    """The files and folders here that are ours: no links, no hidden folder, only UTF-8 names."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if _is_ours(entry, key)]
    except _ABSENT:
        return []


def _is_ours(entry: os.DirEntry[str], key: str) -> bool:
    hidden = not key and entry.name == RESERVED
    return not hidden and not entry.is_symlink() and is_key(key + entry.name)


def entry_key(entry: os.DirEntry[str], folder_key: str) -> str:
    """The key of an object, or the prefix of a folder with its slash."""
    slash = "/" if entry.is_dir(follow_symlinks=False) else ""
    return f"{folder_key}{entry.name}{slash}"


def walk(folder: Path, key: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All files below `folder` whose key starts with `prefix`, in the order of their keys.

    Sorting each folder with a slash after the names of folders gives the order of whole keys.
    """
    found = sorted((entry_key(entry, key), entry) for entry in scan(folder, key))
    for name, entry in found:
        if not (name.startswith(prefix) or prefix.startswith(name)):
            continue
        if name.endswith("/"):
            yield from walk(folder / entry.name, name, prefix)
        elif name.startswith(prefix):
            yield name, entry


def sweep(folder: Path, *, older_than: float) -> None:
    """Remove what was last written before `older_than` (seconds since the epoch)."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # another process sweeps too
                if entry.stat(follow_symlinks=False).st_mtime > older_than:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
