"""What more pictures would bring a detector: measured on fewer, carried on to more.

The error (one minus the mean average precision at IoU 0.5) of one network falls as a power of the
number of pictures (Hestness et al., 2017, "Deep learning scaling is predictable, empirically"). It
is measured with parts of the training pictures of one fold after the other, and carried on by

    error(n) = error(now) (n / now)^-b

with b from the measured points, and its range from the draws of b that agree with them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.detection.resampling import drawn, map50_of_draws
from graft.detection.scene import Scene
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.detection.training import (
    Fit,
    Halves,
    Lesson,
    Trained,
    answer_pictures,
    draft,
    folded,
    scene_of,
)

PARTS: Final = (0.5, 0.25)
"""Shares of the training pictures of a fold."""

LEAST_PICTURES: Final = 12
"""With fewer nothing is told: a quarter of them are too few to learn from."""

MEASURED_FOLDS: Final = 2
TIMES: Final = (2.0, 4.0)
"""So many times as many pictures are told of."""

LEVEL: Final = 0.8
MAX_POWER: Final = 1.0
_Z: Final = 1.2815515655446004
DRAWS: Final = 200
"""Draws of the pictures with replacement, from which ranges are taken."""


def add(
    evaluation: pb.Evaluation,
    lesson: Lesson,
    trained: Trained,
    fit: Fit,
    fit_s: float,
    seed: int,
    left_s: Callable[[], float],
    tick: Callable[[], None],
) -> None:
    """Add measured points, the forecast and a sentence; nothing where the time is too short for
    networks like those of the detector, of which each takes about `fit_s` seconds."""
    folds = np.unique(trained.fold_of)[:MEASURED_FOLDS].tolist()
    if len(trained.scenes) < LEAST_PICTURES or left_s() <= len(PARTS) * len(folds) * fit_s:
        return
    maps = folded(lesson)
    all_of_it = float(np.mean([np.sum(trained.fold_of != fold) for fold in folds]))
    now = [
        scene
        for scene, fold in zip(trained.scenes, trained.fold_of.tolist(), strict=True)
        if fold in folds
    ]
    points = [(all_of_it, now)]
    for part in PARTS:
        scenes: list[Scene] = []
        for fold in folds:
            tick()
            scenes += _answered(lesson, maps, trained, fit, fold, part, seed)
            if left_s() <= 0:  # the last network may be one of fewer steps
                return
        points.append((part * all_of_it, scenes))
    _tell(evaluation, sorted(points, key=lambda one: one[0]), len(lesson.labels), seed)


def _answered(
    lesson: Lesson,
    maps: list[Halves],
    trained: Trained,
    fit: Fit,
    fold: int,
    part: float,
    seed: int,
) -> list[Scene]:
    """The held-out pictures of a fold, answered by a network of a part of the others, at the stage
    of those of the detector."""
    rng = np.random.default_rng([seed, fold, round(1000 * part)])
    train, test = (
        trained.pictures[trained.fold_of != fold],
        trained.pictures[trained.fold_of == fold],
    )
    shown = [n for n in train.tolist() if len(lesson.truths[n].labels)]
    count = max(2, round(part * len(train)))
    some = rng.permutation(train)[:count]
    if not np.isin(some, shown).any():
        some[0] = shown[0]
    rows = lesson.train.of(np.sort(some))
    stage = int(np.argmax(list(trained.stages.values())))
    network = fit(maps, lesson.targets, rows, seed + fold)[stage]
    found = answer_pictures(lesson, draft(lesson, (network,)), np.sort(test))
    return [scene_of(lesson.truths[n], one) for n, one in found.items()]


def _tell(
    evaluation: pb.Evaluation, points: list[tuple[float, list[Scene]]], labels: int, seed: int
) -> None:
    rng = np.random.default_rng([seed, 11])
    counts = np.array([count for count, _ in points])
    found = np.array([_drawn(scenes, labels, rng) for _, scenes in points])
    values, draws = found[:, 0], found[:, 1:]
    # The pictures of few folds may be easier than all: what is known of all is where the last lies.
    shift = evaluation.detection.map50.estimate - values[-1]
    values, draws = np.clip(values + shift, 0, 1), np.clip(draws + shift, 0, 1)
    for count, value, spread in zip(counts, values, draws.std(axis=1), strict=True):
        point = evaluation.detection.measured.add(examples_per_class=float(count))
        point.accuracy.CopyFrom(_interval(value, _Z * spread))
    error = 1 - evaluation.detection.map50.estimate
    pictures = evaluation.evaluated_count
    powers = np.array([_power(counts, column) for column in draws.T])
    for times in TIMES:
        expected = 1 - error * times**-powers
        low, middle, high = np.quantile(expected, [0.1, 0.5, 0.9]).tolist()
        point = evaluation.detection.forecast.add(examples_per_class=float(pictures * times))
        # Another set of so many pictures would vary too, the less the more they are.
        spare = _Z * float(draws[-1].std()) / times
        point.accuracy.CopyFrom(
            pb.Interval(
                estimate=middle, low=max(0.0, low - spare), high=min(1.0, high + spare), level=LEVEL
            )
        )
    evaluation.detection.outlook = _sentence(evaluation, pictures)


def _drawn(scenes: list[Scene], labels: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The value on the pictures as they are, then on DRAWS of them; 0 where nothing is to find."""
    as_they_are = np.ones((1, len(scenes)), np.int64)
    times = np.concatenate([as_they_are, drawn(len(scenes), DRAWS, rng)])
    return np.nan_to_num(map50_of_draws(scenes, labels, times))


def _power(counts: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """The slope of log error over log count, turned round, within 0 and MAX_POWER."""
    errors = np.log(np.clip(1 - values, 0.01, 1.0))
    slope = np.polyfit(np.log(counts), errors, 1)[0]
    return float(np.clip(-slope, 0.0, MAX_POWER))


def _interval(value: float, half: float) -> pb.Interval:
    return pb.Interval(
        estimate=value, low=max(0.0, value - half), high=min(1.0, value + half), level=LEVEL
    )


def _sentence(evaluation: pb.Evaluation, pictures: int) -> str:
    now, then = evaluation.detection.map50.estimate, evaluation.detection.forecast[0].accuracy
    gain = then.estimate - now
    more = (
        "more pictures would bring little; look at the kinds of errors instead"
        if gain < 0.02
        else "more pictures are worth their work"
    )
    return (
        f"With {2 * pictures} pictures in the place of {pictures} the mean average precision is"
        f" expected to rise from {now:.2f} to {then.estimate:.2f} ({then.low:.2f} to"
        f" {then.high:.2f} in 8 of 10 cases): {more}."
    )
