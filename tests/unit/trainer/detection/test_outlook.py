"""What more pictures would bring."""

from __future__ import annotations

from dataclasses import replace
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


def told(count: int, left_s: float = 60.0, fit_s: float = 0.0) -> pb.Evaluation:
    lesson = blobs.lesson(count)
    trained = training.train(lesson, fit, RECIPE.kept_at, seed=0)
    learned.clear()
    evaluation = pb.Evaluation(evaluated_count=count)
    evaluation.detection.map50.estimate = 0.6
    outlook.add(evaluation, lesson, trained, fit, fit_s, 0, lambda: left_s, lambda: None)
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


@pytest.mark.parametrize(
    ("count", "left_s", "fit_s"),
    [(outlook.LEAST_PICTURES - 1, 60.0, 0.0), (20, 0.0, 0.0), (20, 60.0, 15.1)],
)
def test_nothing_is_begun_of_too_few_or_without_time(
    count: int, left_s: float, fit_s: float
) -> None:
    found = told(count, left_s, fit_s).detection
    assert not found.outlook
    assert not found.measured
    assert not learned


def test_nothing_is_told_where_the_time_ends_with_the_last_network() -> None:
    lesson, clock = blobs.lesson(20), iter([60.0] * 4 + [0.0])
    trained = training.train(lesson, fit, RECIPE.kept_at, seed=0)
    learned.clear()
    evaluation = pb.Evaluation(evaluated_count=20)
    outlook.add(evaluation, lesson, trained, fit, 0.0, 0, lambda: next(clock), lambda: None)
    assert len(learned) == 4
    assert not evaluation.detection.measured


@pytest.mark.parametrize("stage", range(len(RECIPE.kept_at)))
def test_networks_are_compared_at_the_stage_of_the_detector(
    stage: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Network] = []
    taken: list[Network] = []

    def noted(maps: Any, targets: Any, rows: Any, seed: int) -> tuple[Network, ...]:
        networks = fit(maps, targets, rows, seed)
        made.append(networks[stage])
        return networks

    def draft(lesson: Any, networks: tuple[Network, ...]) -> Any:
        taken.extend(networks)
        return training.draft(lesson, networks)

    monkeypatch.setattr(outlook, "draft", draft)
    lesson = blobs.lesson(20)
    trained = training.train(lesson, fit, RECIPE.kept_at, seed=0)
    best = {at: float(number == stage) for number, at in enumerate(RECIPE.kept_at)}
    trained = replace(trained, stages=best)
    outlook.add(pb.Evaluation(), lesson, trained, noted, 0.0, 0, lambda: 60.0, lambda: None)
    assert len(taken) == 4
    assert all(one is other for one, other in zip(taken, made, strict=True))


def test_the_power_is_that_of_the_points() -> None:
    counts = np.array([10.0, 20.0, 40.0])
    assert outlook._power(counts, 1 - 0.8 * (counts / 10) ** -0.5) == pytest.approx(0.5)
    assert outlook._power(counts, np.array([0.5, 0.5, 0.4])) == 0
