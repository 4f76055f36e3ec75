from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import LIVE, AliasName, ModelName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import artifacts, layout
from services.common.heads.blocks import Block, Blocks
from services.common.heads.class_mean import ClassMeanHead
from services.common.store import Store, open_store
from services.trainer.published import find_published, settle

MODEL = ModelName("p", "m")
JOB = pb.TrainingJob(
    name="projects/p/trainingJobs/j", spec=pb.TrainingSpec(model="projects/p/models/m")
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path), {})


def publish(store: Store, job: str = JOB.name) -> model_pb2.ModelVersion:
    mean, plain = np.eye(2, dtype=np.float32), Blocks((Block(2),))
    head = ClassMeanHead(("a", "b"), mean, np.zeros(2, np.float32), sharpness=20.0, blocks=plain)
    accuracy = evaluation_pb2.Interval(estimate=0.9, low=0.8, high=0.95, level=0.95)
    draft = artifacts.Draft(
        model_pb2.ModelVersion(labels=["a", "b"], accuracy=accuracy),
        head,
        evaluation_pb2.Evaluation(),
    )
    return artifacts.publish(store, artifacts.claim_version(store, MODEL, job), draft, b"")


def test_a_job_that_wrote_nothing_leaves_nothing(store: Store) -> None:
    assert find_published(store, JOB) is None
    assert settle(store, JOB) is None
    assert list(store.list("")) == []


def test_a_version_that_was_begun_is_cleared_away(store: Store) -> None:
    version = artifacts.claim_version(store, MODEL, JOB.name)
    store.put(layout.arrays(version), b"half")
    assert find_published(store, JOB) is None
    assert settle(store, JOB) is None
    assert list(store.list("")) == []


def test_a_version_that_is_whole_goes_live(store: Store) -> None:
    manifest = publish(store)
    assert find_published(store, JOB) == manifest
    result = settle(store, JOB)
    assert result is not None
    assert (result.version, result.model_version) == (1, f"{MODEL}/versions/1")
    assert result.accuracy == manifest.accuracy
    assert artifacts.read_alias(store, AliasName(MODEL, LIVE)) == 1


def test_the_versions_of_other_jobs_are_left_alone(store: Store) -> None:
    publish(store, "another job")
    artifacts.claim_version(store, MODEL, "a third one")
    before = [info.key for info in store.list("")]
    assert settle(store, JOB) is None
    assert [info.key for info in store.list("")] == before
    artifacts.claim_version(store, MODEL, JOB.name)
    assert settle(store, JOB) is None
    assert [info.key for info in store.list("")] == before
