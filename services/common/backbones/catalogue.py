"""The backbones in the store: finding them, and bringing their files to this machine."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss, NotFound
from graft.names import BackboneName
from services.common import layout
from services.common.backbones import record
from services.common.store.base import Store

MAX_CACHED = 16
"""Backbones whose files stay in the cache folder; the least recently fetched go first."""


def find(store: Store, name: BackboneName) -> backbone_pb2.Backbone:
    """The backbone of that digest, or the newest import of that name. Raises NotFound."""
    if name.digest:
        return _read(store, name)
    imports = [_read_or_none(store, each) for each in _imports(store, name.backbone)]
    found = [backbone for backbone in imports if backbone is not None]
    if not found:
        raise _not_found(name)
    return max(found, key=lambda backbone: (backbone.import_time.ToNanoseconds(), backbone.digest))


def names(store: Store) -> list[str]:
    """The names in the catalogue, ascending; one may turn out to have no finished import."""
    return store.children(layout.BACKBONES)


def _imports(store: Store, name: str) -> list[BackboneName]:
    return [BackboneName(name, d) for d in store.children(layout.backbone_imports_prefix(name))]


def _read(store: Store, name: BackboneName) -> backbone_pb2.Backbone:
    key = layout.backbone_prefix(name) + record.RECORD
    try:
        data = store.get(key)
    except NotFound as error:
        raise _not_found(name) from error
    return record.from_json(data, key)


def _read_or_none(store: Store, name: BackboneName) -> backbone_pb2.Backbone | None:
    """An import that is under way, or was broken off, has no record: it is not there."""
    try:
        return _read(store, name)
    except NotFound:
        return None


class Cache:
    """Owns a folder of SavedModels by digest, filled from the store and checked at every use.

    Several processes may share it: a backbone appears by one rename. What does not match its
    digests is deleted and fetched once more.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder / "backbones"
        self._store = store

    def fetch(self, backbone: backbone_pb2.Backbone) -> Path:
        """The folder of the SavedModel. DataLoss names a stored file that is missing or damaged."""
        folder = self._folder / backbone.digest
        if not folder.is_dir() or _first_damaged(folder, backbone) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            self._fill(folder, backbone)
            self._prune(keep=folder)
        else:
            os.utime(folder)  # what is in use is not the next to go
        return folder

    def _fill(self, folder: Path, backbone: backbone_pb2.Backbone) -> None:
        partial = self._folder / f"partial-{uuid.uuid4().hex}"
        partial.mkdir(parents=True)
        try:
            self._copy(partial, backbone)
            _move(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _copy(self, folder: Path, backbone: backbone_pb2.Backbone) -> None:
        prefix = layout.backbone_prefix(record.name_of(backbone)) + record.FILES
        for file in backbone.files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._store.get_file(prefix + file.path, path)
            except NotFound as error:
                raise _lost(prefix + file.path, "is missing") from error
        damaged = _first_damaged(folder, backbone)
        if damaged is not None:
            raise _lost(prefix + damaged, "does not match its digest")

    def _prune(self, *, keep: Path) -> None:
        others = [(_used(path), path) for path in self._folder.iterdir() if path != keep]
        for _, path in sorted(others, reverse=True)[MAX_CACHED - 1 :]:
            shutil.rmtree(path, ignore_errors=True)


def _used(path: Path) -> float:
    """When a copy was last fetched, or 0 where another process has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _move(partial: Path, folder: Path) -> None:
    """Puts a checked copy in its place; another process may have been faster."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _first_damaged(folder: Path, backbone: backbone_pb2.Backbone) -> str | None:
    for file in backbone.files:
        path = folder / file.path
        if not path.is_file() or record.fingerprint(path) != (file.size_bytes, file.sha256):
            return file.path
    return None


def _not_found(name: BackboneName) -> NotFound:
    return NotFound(
        f"no backbone {name} in the catalogue; `graft backbones list` tells which there are,"
        f" `graft backbones import` adds one. Received: {str(name)!r}",
        metadata={"name": str(name)},
    )


def _lost(key: str, what: str) -> DataLoss:
    return DataLoss(f"{key} {what}; import the backbone again", metadata={"key": key})
