"""A store whose writes fail when they are told to."""

from __future__ import annotations

from pathlib import Path

from graft.errors import Unavailable
from services.common.store import ObjectInfo
from services.common.store.file import FileStore


class Flaky(FileStore):
    """A folder whose next writes fail, before or after they took effect."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fail_before = self.fail_after = 0

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> ObjectInfo:
        if self.fail_before:
            self.fail_before -= 1
            raise Unavailable("the store is away")
        info = super().put(key, data, if_absent=if_absent)
        if self.fail_after:
            self.fail_after -= 1
            raise Unavailable("no answer came")
        return info
