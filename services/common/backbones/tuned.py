"""Tuned tails in the catalogue: stored as backbones that name their trunk, gone with their model.

A tail belongs to one model version and is named after it, so that deleting the version finds it.
Storing it again, in a second attempt of the same job, may add another digest under the same name;
the manifest says which one serves, and all of them go together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from graft.embedder.v1 import backbone_pb2
from graft.names import VersionName
from services.common import layout
from services.common.backbones import record
from services.common.store.base import Store

_READABLE = 40


def name_for(version: VersionName) -> str:
    """The name of the tail of a version: readable, and by its digest the only one of that name."""
    digest = hashlib.sha256(str(version).encode()).hexdigest()[:12]
    return f"{version.model.model[:_READABLE].rstrip('-_')}-{version.version}-{digest}"


def store_tail(
    store: Store,
    version: VersionName,
    trunk: backbone_pb2.Backbone,
    *,
    cut: Sequence[str],
    shapes: Mapping[str, Sequence[int]],
    folder: Path,
) -> backbone_pb2.Backbone:
    """Stores the SavedModel in `folder`, a tail of `trunk` behind `cut` with endpoints of `shapes`;
    answers its record. The record goes last: before that the tail does not exist."""
    backbone = backbone_pb2.Backbone(
        name=f"backbones/{name_for(version)}",
        modality=trunk.modality,
        input_size=trunk.input_size,
        preprocessing=trunk.preprocessing,
        endpoints=record.endpoints_of(shapes),
        files=[record.file_of(folder, p) for p in sorted(folder.rglob("*")) if p.is_file()],
        origin=str(version),
        licence=trunk.licence,
        description=f"{trunk.name} with its layers after {' and '.join(cut)} tuned for {version}",
        trunk=str(record.name_of(trunk)),
        cut=cut,
    )
    backbone.import_time.GetCurrentTime()
    backbone.digest = record.digest_of(backbone)
    prefix = layout.backbone_prefix(record.name_of(backbone))
    for file in backbone.files:
        store.put_file(prefix + record.FILES + file.path, folder / file.path)
    store.put(prefix + record.RECORD, record.to_json(backbone))
    return backbone


def discard(store: Store, version: VersionName) -> None:
    """Removes the tail of a version, if it has one, and the vectors that were cached of it."""
    prefix = layout.backbone_imports_prefix(name_for(version))
    for digest in store.children(prefix):
        store.delete(f"{prefix}{digest}/{record.RECORD}")
        store.delete_prefix(layout.embeddings_prefix(version.model.project, digest))
    store.delete_prefix(prefix)
