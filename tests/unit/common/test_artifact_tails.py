"""A tuned tail goes with the version that it was tuned for, wherever a deletion is cut off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import NotFound, Unavailable
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import ModelName, VersionName
from services.common import artifacts, layout
from services.common.backbones import catalogue, record, tuned
from services.common.heads.blocks import Blocks
from services.common.heads.linear import LinearHead
from services.common.store.base import Store
from services.common.store.file import FileStore
from tests.support.catalogue import enter

MODEL = ModelName("p", "m")
OTHER = ModelName("p", "other")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FileStore(tmp_path / "store")


def claim(store: Store, model: ModelName, job: str, folder: Path) -> backbone_pb2.Backbone:
    """A version that came as far as its tail."""
    version = artifacts.claim_version(store, model, job)
    files = folder / f"{model.model}-{version.version}"
    files.mkdir()
    (files / "saved_model.pb").write_bytes(str(version).encode())
    shapes = {"map": (2, 2, 8), "default": (6,)}
    return tuned.store_tail(
        store, version, enter(store, "tiny"), cut=["map"], shapes=shapes, folder=files
    )


def publish(store: Store, model: ModelName, job: str, folder: Path) -> backbone_pb2.Backbone:
    """A finished version with a tail."""
    tail = claim(store, model, job, folder)
    weight, bias = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    head = LinearHead(("a", "b"), weight, bias, blocks=Blocks.unit(2))
    features = model_pb2.Features(backbone=tail.name, backbone_digest=tail.digest)
    manifest = model_pb2.ModelVersion(labels=["a", "b"], features=features)
    draft = artifacts.Draft(manifest, head, evaluation_pb2.Evaluation())
    artifacts.publish(store, artifacts.claim_version(store, model, job), draft, b"")
    return tail


def is_there(store: Store, tail: backbone_pb2.Backbone) -> bool:
    """Whether anything of a tail is left: its record, or a file."""
    prefix = layout.backbone_prefix(record.name_of(tail))
    return any(info.key.startswith(prefix) for info in store.list(layout.BACKBONES))


def test_a_deleted_model_takes_all_its_tails_along_and_no_other(
    store: Store, tmp_path: Path
) -> None:
    gone = [publish(store, MODEL, job, tmp_path) for job in ("one", "two")]
    begun = claim(store, MODEL, "three", tmp_path)
    other = publish(store, OTHER, "one", tmp_path)
    artifacts.delete_model(store, MODEL)
    assert not any(is_there(store, tail) for tail in (*gone, begun))
    assert catalogue.find(store, record.name_of(other)) == other
    assert catalogue.find(store, record.name_of(enter(store, "tiny")))


def test_a_claim_that_is_given_up_takes_its_tail_along(store: Store, tmp_path: Path) -> None:
    kept, gone = (publish(store, MODEL, "one", tmp_path), claim(store, MODEL, "two", tmp_path))
    artifacts.discard_claim(store, MODEL.version(2))
    assert is_there(store, kept)
    assert not is_there(store, gone)


class Failing:
    """A store that fails at the n-th change of anything."""

    def __init__(self, store: Store, after: int) -> None:
        self._store = store
        self._left = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._counted(found) if name in ("delete", "delete_prefix") else found

    def _counted(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            if self._left == 0:
                raise Unavailable("the power is out")
            self._left -= 1
            return change(*given)

        return call


@pytest.mark.parametrize("after", range(6))
def test_what_a_crash_leaves_of_a_deletion_goes_with_the_next(
    store: Store, tmp_path: Path, after: int
) -> None:
    tail = publish(store, MODEL, "one", tmp_path)
    with pytest.raises(Unavailable):
        artifacts.delete_model(Failing(store, after), MODEL)  # type: ignore[arg-type]
    _no_version_lacks_its_tail(store, MODEL.version(1), tail)
    again = tmp_path / "again"
    again.mkdir()
    publish(store, MODEL, "two", again)
    artifacts.delete_model(store, MODEL)
    left = [info.key for info in store.list("")]
    assert all(key.startswith(f"{layout.BACKBONES}tiny/") for key in left), left


def _no_version_lacks_its_tail(
    store: Store, version: VersionName, tail: backbone_pb2.Backbone
) -> None:
    try:
        artifacts.read_manifest(store, version)
    except NotFound:
        return
    assert catalogue.find(store, record.name_of(tail)) == tail
