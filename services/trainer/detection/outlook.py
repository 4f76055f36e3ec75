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

from graft.detection.average_precision import mean_at_half
from graft.detection.scene import Scene
from graft.model.v1 import evaluation_pb2 as pb
from services.common.detector.detector import Detector
from services.trainer.detection.training import (
    Fit,
    Lesson,
    Trained,
    answer_pictures,
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
DRAWS: Final = 50
"""Draws of the pictures with replacement, from which ranges are taken."""


def add(
    evaluation: pb.Evaluation,
    lesson: Lesson,
    trained: Trained,
    fit: Fit,
    seed: int,
    left_s: Callable[[], float],
    tick: Callable[[], None],
) -> None:
    """Add measured points, the forecast and a sentence; nothing where the time is too short."""
    if len(trained.scenes) < LEAST_PICTURES or left_s() <= 0:
        return
    folds = np.unique(trained.fold_of)[:MEASURED_FOLDS].tolist()
    points = []
    for part in PARTS:
        scenes: list[Scene] = []
        for fold in folds:
            if left_s() <= 0:
                return
            tick()
            scenes += _answered(lesson, trained, fit, fold, part, seed)
        learned = part * np.mean([np.sum(trained.fold_of != fold) for fold in folds])
        points.append((float(learned), scenes))
    now = [
        scene
        for scene, fold in zip(trained.scenes, trained.fold_of.tolist(), strict=True)
        if fold in folds
    ]
    points.append((float(np.mean([np.sum(trained.fold_of != fold) for fold in folds])), now))
    _tell(evaluation, sorted(points, key=lambda one: one[0]), len(lesson.labels), seed)


def _answered(
    lesson: Lesson, trained: Trained, fit: Fit, fold: int, part: float, seed: int
) -> list[Scene]:
    """The held-out pictures of a fold, answered by a network of a part of the others."""
    rng = np.random.default_rng([seed, fold, round(1000 * part)])
    train, test = (
        trained.pictures[trained.fold_of != fold],
        trained.pictures[trained.fold_of == fold],
    )
    shown = [n for n in train.tolist() if len(lesson.truths[n].labels)]
    if not shown:
        return []
    count = max(2, round(part * len(train)))
    some = rng.permutation(train)[:count]
    if not np.isin(some, shown).any():
        some[0] = shown[0]
    rows = lesson.train.of(np.sort(some))
    network = fit(folded(lesson), lesson.targets, rows, seed + fold)[-1]
    plan = lesson.plan
    thresholds = np.full(len(lesson.labels), 0.5, np.float32)
    detector = Detector(lesson.labels, plan.channels, plan.geometry, (network,), thresholds)
    found = answer_pictures(lesson, detector, np.sort(test))
    return [scene_of(lesson.truths[n], one) for n, one in found.items()]


def _tell(
    evaluation: pb.Evaluation, points: list[tuple[float, list[Scene]]], labels: int, seed: int
) -> None:
    rng = np.random.default_rng([seed, 11])
    counts = np.array([count for count, _ in points])
    values = np.array([_nought(mean_at_half(scenes, labels)) for _, scenes in points])
    draws = np.array([_resampled(scenes, labels, rng) for _, scenes in points])  # [points, draws]
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
        errors = error * times**-powers
        low, middle, high = np.quantile(1 - errors, [0.1, 0.5, 0.9]).tolist()
        point = evaluation.detection.forecast.add(examples_per_class=float(pictures * times))
        # Also a new set of pictures of this size would vary by so much.
        spare = _Z * float(draws[-1].std()) / times
        point.accuracy.CopyFrom(
            pb.Interval(
                estimate=middle, low=max(0.0, low - spare), high=min(1.0, high + spare), level=LEVEL
            )
        )
    evaluation.detection.outlook = _sentence(evaluation, pictures)


def _resampled(scenes: list[Scene], labels: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The value on DRAWS of the pictures."""
    found = []
    for _ in range(DRAWS):
        some = [scenes[n] for n in rng.integers(0, len(scenes), len(scenes)).tolist()]
        found.append(_nought(mean_at_half(some, labels)))
    return np.array(found)


def _power(counts: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """The slope of log error over log count, turned round, within 0 and MAX_POWER."""
    errors = np.log(np.clip(1 - values, 0.01, 1.0))
    slope = np.polyfit(np.log(counts), errors, 1)[0]
    return float(np.clip(-slope, 0.0, MAX_POWER))


def _interval(value: float, half: float) -> pb.Interval:
    return pb.Interval(
        estimate=value, low=max(0.0, value - half), high=min(1.0, value + half), level=LEVEL
    )


def _nought(value: float) -> float:
    return 0.0 if np.isnan(value) else float(value)


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
