"""A training job of a detector: what it refuses, and what time its networks get."""

from __future__ import annotations

import math
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.backbones import record
from services.trainer.detection import job
from services.trainer.detection.training import folded
from services.trainer.fitters import detector, tail
from services.trainer.fitters.detector import LEAST_STEPS, Fitted, Recipe
from services.trainer.running import Job
from tests.support import blobs

BACKBONE = backbone_pb2.Backbone(
    name="backbones/big",
    input_size=[224, 224],
    endpoints=record.endpoints_of({"middle": (14, 14, 96), "coarse": (7, 7, 320)}),
)


def test_too_many_pictures_are_refused_before_one_is_embedded() -> None:
    rows = [SimpleNamespace(size=(1000, 1000))] * 10_000
    things = [Truth.of([(0, 0, 500, 500)], [0])] * len(rows)
    material = SimpleNamespace(keys=[], paths=[], rows=rows, things=things, labels=("thing",))
    with pytest.raises(FailedPrecondition, match="fewer pictures"):
        job.look(cast("Any", None), cast("Any", material), BACKBONE, "", lambda done, total: None)


@pytest.fixture(autouse=True)
def _settings_of_tensorflow_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "set_up", lambda threads: None)  # they are those of the process


def test_enough_said_while_a_network_is_trained_ends_it_and_shortens_the_others() -> None:
    said: list[bool] = []
    steps: list[int] = []
    lesson = blobs.lesson(16)

    def tick() -> None:
        steps[-1] += 1
        if steps[-1] == 70:
            said.append(True)

    spec = pb.TrainingSpec(budget=timedelta(hours=1))
    tools = SimpleNamespace(enough=lambda: bool(said), threads=1)
    teacher = job.Teacher(Job(cast("Any", tools), spec))
    fit = teacher.fit(tick)
    for number in range(2):
        steps.append(0)
        networks = fit(folded(lesson), lesson.targets, np.arange(16), number)
        assert len(networks) == len(teacher.stages)
    assert steps == [70, LEAST_STEPS]


def test_networks_to_compare_with_take_as_many_steps_as_those_of_the_detector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, float]] = []
    took = iter([Fitted((), 100, 2.0), Fitted((), 140, 4.0), Fitted((), 0, 0.0)])

    def fit_network(
        maps: Any, targets: Any, rows: Any, recipe: Recipe, *, left_s: Any, **_: Any
    ) -> Fitted:
        asked.append((recipe.steps, left_s()))
        return next(took)

    monkeypatch.setattr(detector, "fit_network", fit_network)
    tools = SimpleNamespace(enough=lambda: False, threads=1)
    spec = pb.TrainingSpec(budget=timedelta(hours=1))
    teacher = job.Teacher(Job(cast("Any", tools), spec))
    rows = np.arange(16)
    for number in range(2):
        teacher.fit(lambda: None)([], cast("Any", None), rows, number)
    assert (teacher.done, teacher.usual_s) == (2, 3.0)
    teacher.again(lambda: None)([], cast("Any", None), rows[:4], 2)
    assert [steps for steps, _ in asked] == [Recipe().steps, Recipe().steps, 120]
    assert 0 < asked[0][1] < 3600
    assert asked[2][1] == math.inf
    assert teacher.done == 2
