"""What a job came to, as a version in the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2
from graft.names import DatasetName, ModelName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import artifacts, layout
from services.common.store import Store, open_store
from services.trainer.data.rows import IMAGE
from services.trainer.material import gather
from services.trainer.publication import Outcome, publish
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.run import SearchResult, search
from tests.support.datasets import bring
from tests.support.trainer import tiny

MODEL = ModelName("p", "m")
DATA = DatasetName("p", "d")
JOB = pb.TrainingJob(
    name="projects/p/trainingJobs/j",
    spec=pb.TrainingSpec(dataset=str(DATA), dataset_version=1, model=str(MODEL), seed=7),
)
BACKBONE = backbone_pb2.Backbone(name="backbones/b", digest="a" * 64)
EACH, DIMS = 12, {"early": 5, DEFAULT: 9}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path), {}) as opened:
        bring(
            opened,
            DATA,
            [(f"c{c}", f"{c}/{n}.png", tiny(c, n)) for c in range(2) for n in range(EACH)],
        )
        yield opened


@pytest.fixture(scope="module")
def found() -> SearchResult:
    """Only both endpoints together tell the classes apart."""
    rng, y = np.random.default_rng(0), np.repeat([0, 1], EACH)
    hint = rng.choice([-1.0, 1.0], 2 * EACH)
    vectors = {
        name: rng.normal(size=(2 * EACH, dim)).astype(np.float32) * 0.1
        for name, dim in DIMS.items()
    }
    vectors["early"][:, 0] += hint + (2 * y - 1)
    vectors[DEFAULT][:, 0] += hint - (2 * y - 1)
    return search(Bank(vectors, y, ("c0", "c1"), np.arange(2 * EACH)))


def outcome(store: Store, found: SearchResult) -> Outcome:
    accuracy = evaluation_pb2.Interval(estimate=0.9, low=0.8, high=0.95, level=0.95)
    evaluation = evaluation_pb2.Evaluation(accuracy=accuracy, evaluated_count=2 * EACH)
    return Outcome(JOB, gather(store, JOB.spec), {IMAGE: BACKBONE}, found, evaluation, {})


def test_a_version_tells_where_its_vectors_come_from_and_goes_live(
    store: Store, found: SearchResult
) -> None:
    assert set(found.endpoints) == set(DIMS)
    manifest = publish(store, outcome(store, found))
    features = manifest.features
    assert (features.backbone, features.backbone_digest) == (BACKBONE.name, BACKBONE.digest)
    assert tuple(features.endpoints) == found.endpoints
    assert list(features.dims) == [DIMS[name] for name in found.endpoints]
    assert list(manifest.labels) == ["c0", "c1"]
    assert (manifest.training_job, manifest.dataset_version, manifest.seed) == (JOB.name, 1, 7)
    assert manifest.example_count == 2 * EACH
    assert manifest.accuracy.estimate == pytest.approx(0.9)
    assert artifacts.aliases(store, MODEL) == {"live": 1}


def test_the_head_in_the_store_answers_as_the_one_that_was_found(
    store: Store, found: SearchResult
) -> None:
    head = artifacts.read_head(store, publish(store, outcome(store, found)))
    x = np.random.default_rng(1).normal(size=(6, sum(DIMS.values()))).astype(np.float32)
    np.testing.assert_array_equal(head.logits(x), found.head.logits(x))


def test_publishing_again_writes_the_same_version(store: Store, found: SearchResult) -> None:
    first = publish(store, outcome(store, found))
    arrays = store.get(layout.arrays(MODEL.version(1)))
    again = publish(store, outcome(store, found))
    assert again.name == first.name
    assert store.get(layout.arrays(MODEL.version(1))) == arrays
