"""The backbone that ships with the suite, so that it works with no network."""

from __future__ import annotations

from pathlib import Path

from graft.names import BackboneName
from services.common import layout
from services.common.backbones import record
from services.common.store.base import Store
from services.embedder.backbones.importer import import_backbone

NAME = "prototype_96"
DIGEST = "7165f218e66433186aa4786bacbcab3172bab22246f7ca135bb134af887e837c"
"""Pinned: a test recomputes it, so that the bundled files cannot change unnoticed."""

FOLDER = Path(__file__).resolve().parents[1] / "bundled" / NAME


def ensure(store: Store) -> None:
    """Imports it when the store does not have it. Two services at once do no harm."""
    key = layout.backbone_prefix(BackboneName(NAME, DIGEST)) + record.RECORD
    if store.head(key) is None:
        import_backbone(store, str(FOLDER), name=NAME)
