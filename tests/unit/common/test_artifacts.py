"""Model versions: written whole or not at all, read only when whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.errors import DataLoss, NotFound
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import AliasName, ModelName, VersionName
from services.common import artifacts, layout
from services.common.heads.base import Calibration
from services.common.heads.blocks import Blocks
from services.common.heads.familiarity import Familiarity
from services.common.heads.linear import LinearHead
from services.common.store import open_store
from services.common.store.base import Store

PETS = ModelName("default", "pets")
FAMILIARITY = (
    Familiarity.of(np.zeros(3), np.array([[1.0], [0], [0]]))
    .weighted(odds_weight=0.5, distance_weight=1.0, most_odds=1.0)
    .flagging(-0.4)
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"file://{tmp_path}", {})


def head_of(bias: float = 0.0) -> LinearHead:
    weight = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    return LinearHead(
        ("cat", "dog"), weight, np.array([bias, 0], np.float32), blocks=Blocks.unit(3)
    ).calibrated(Calibration(2.0), FAMILIARITY)


def draft(bias: float = 0.0) -> artifacts.Draft:
    head = head_of(bias)
    manifest = model_pb2.ModelVersion(labels=head.labels, training_job="j")
    return artifacts.Draft(manifest, head, evaluation_pb2.Evaluation(macro_f1=0.5))


def publish(store: Store, job: str) -> VersionName:
    version = artifacts.claim_version(store, PETS, job)
    artifacts.publish(store, version, draft(), b"<html>")
    return version


def test_what_was_published_is_read_back(store: Store) -> None:
    version = publish(store, "j1")
    manifest = artifacts.read_manifest(store, version)
    head = artifacts.read_head(store, manifest)
    x = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    before, after = head_of().answer(x), head.answer(x)
    np.testing.assert_array_equal(after.proba, before.proba)
    np.testing.assert_array_equal(after.unknown, before.unknown)
    assert 0 < before.unknown.sum() < 4
    assert artifacts.read_evaluation(store, version).macro_f1 == 0.5
    assert manifest.name == str(version) == "projects/default/models/pets/versions/1"
    assert artifacts.read_model(store, PETS).versions == [1]


def test_each_job_gets_its_own_number_and_keeps_it(store: Store) -> None:
    claims = [artifacts.claim_version(store, PETS, job).version for job in ("a", "b", "a", "c")]
    assert claims == [1, 2, 1, 3]


def test_a_version_without_a_manifest_does_not_exist(store: Store) -> None:
    version = publish(store, "a")
    store.delete(layout.manifest(version))
    assert artifacts.versions(store, PETS) == []
    with pytest.raises(NotFound):
        artifacts.read_manifest(store, version)
    with pytest.raises(NotFound):
        artifacts.read_model(store, PETS)


def test_publishing_again_after_a_crash_gives_the_same_version(store: Store) -> None:
    first = publish(store, "a")
    store.delete(layout.manifest(first))
    assert publish(store, "a") == first
    artifacts.read_head(store, artifacts.read_manifest(store, first))


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_damaged_arrays_are_named(store: Store, damage: bytes) -> None:
    version = publish(store, "a")
    store.put(layout.arrays(version), damage)
    with pytest.raises(DataLoss, match=r"arrays\.safetensors does not match its digest"):
        artifacts.read_head(store, artifacts.read_manifest(store, version))


def test_missing_arrays_are_named(store: Store) -> None:
    version = publish(store, "a")
    store.delete(layout.arrays(version))
    with pytest.raises(DataLoss, match="is gone"):
        artifacts.read_head(store, artifacts.read_manifest(store, version))


def test_a_damaged_manifest_is_named(store: Store) -> None:
    version = publish(store, "a")
    store.put(layout.manifest(version), b"{")
    with pytest.raises(DataLoss, match=r"manifest\.json cannot be read"):
        artifacts.read_manifest(store, version)


def test_a_manifest_of_a_later_release_is_still_read(store: Store) -> None:
    version = publish(store, "a")
    data = store.get(layout.manifest(version)).replace(b"{", b'{"from_the_future": 1,', 1)
    store.put(layout.manifest(version), data)
    assert artifacts.read_manifest(store, version).version == 1


def test_an_alias_points_at_a_version_that_exists(store: Store) -> None:
    publish(store, "a")
    live = AliasName(PETS, "live")
    with pytest.raises(NotFound):
        artifacts.set_alias(store, live, 2)
    artifacts.set_alias(store, live, 1)
    assert artifacts.read_alias(store, live) == 1
    assert artifacts.aliases(store, PETS) == {"live": 1}


def test_a_damaged_alias_is_named(store: Store) -> None:
    live = AliasName(PETS, "live")
    store.put(layout.alias(live), b"[]")
    with pytest.raises(DataLoss, match=r"live\.json"):
        artifacts.read_alias(store, live)


def test_a_deleted_model_is_gone_with_everything(store: Store) -> None:
    publish(store, "a")
    artifacts.set_alias(store, AliasName(PETS, "live"), 1)
    artifacts.delete_model(store, PETS)
    assert list(store.list(layout.model_prefix(PETS))) == []
    assert list(artifacts.list_models(store, "default")) == []
    with pytest.raises(NotFound):
        artifacts.delete_model(store, PETS)


def test_models_are_listed_by_name_and_half_written_ones_are_not(store: Store) -> None:
    publish(store, "a")
    artifacts.claim_version(store, ModelName("default", "half"), "b")
    assert list(artifacts.list_models(store, "default")) == [PETS]
