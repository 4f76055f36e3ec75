"""What more pictures would bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graft.model.v1 import evaluation_pb2 as pb
from services.common.detector.network import Network
from services.trainer.detection import outlook, training
from services.trainer.fitters.detector import Recipe, fit_network
from tests.support import blobs

RECIPE = Recipe(width=16, convolutions=1, steps=60, batch=8)
learned: list[int] = []


def fit(maps: Any, targets: Any, rows: Any, seed: int) -> tuple[Network, ...]:
    learned.append(len(rows))
    return fit_network(maps, targets, rows, RECIPE, seed=seed).networks


def told(count: int, left_s: float = 60.0) -> pb.Evaluation:
    lesson = blobs.lesson(count)
    trained = training.train(lesson, fit, RECIPE.kept_at, seed=0)
    learned.clear()
    evaluation = pb.Evaluation(evaluated_count=count)
    evaluation.detection.map50.estimate = 0.6
    outlook.add(evaluation, lesson, trained, fit, 0, lambda: left_s, lambda: None)
    return evaluation


def test_fewer_are_measured_and_more_expected() -> None:
    found = told(20).detection
    counts = [one.examples_per_class for one in found.measured]
    assert counts == sorted(counts)
    assert len(counts) == 3
    assert max(learned) == 8  # half of the 16 of a fold
    assert found.measured[-1].accuracy.estimate == pytest.approx(0.6)  # as all pictures tell
    assert [one.examples_per_class for one in found.forecast] == [40, 80]
    for point in found.forecast:
        assert point.accuracy.low <= point.accuracy.estimate <= point.accuracy.high
        assert point.accuracy.estimate >= 0.6
    assert "With 40 pictures in the place of 20" in found.outlook


@pytest.mark.parametrize(("count", "left_s"), [(outlook.LEAST_PICTURES - 1, 60.0), (20, 0.0)])
def test_nothing_is_told_of_too_few_or_without_time(count: int, left_s: float) -> None:
    found = told(count, left_s).detection
    assert not found.outlook
    assert not found.measured


def test_the_power_is_that_of_the_points() -> None:
    counts = np.array([10.0, 20.0, 40.0])
    assert outlook._power(counts, 1 - 0.8 * (counts / 10) ** -0.5) == pytest.approx(0.5)
    assert outlook._power(counts, np.array([0.5, 0.5, 0.4])) == 0
