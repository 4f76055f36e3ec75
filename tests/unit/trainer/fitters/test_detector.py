"""Training one network of a detector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from services.trainer.detection.training import folded
from services.trainer.fitters.detector import LEAST_STEPS, Fitted, Recipe, fit_network
from tests.support import blobs

QUICK = Recipe(width=16, convolutions=1, steps=LEAST_STEPS, batch=8, kept_at=(0.5, 1.0))


def fitted(seed: int = 0, **fields: Any) -> Fitted:
    lesson = blobs.lesson(16)
    rows = np.arange(16)
    return fit_network(folded(lesson), lesson.targets, rows, QUICK, seed=seed, **fields)


def test_what_is_learned_answers_in_numpy_with_the_label_where_the_thing_is() -> None:
    lesson = blobs.lesson(24)
    network = fit_network(folded(lesson), lesson.targets, np.arange(24), QUICK, seed=0).networks[-1]
    asked = blobs.truths(12, seed=9)
    output = network([blobs.maps_of(asked, seed=9).astype(np.float32)])
    right = 0
    for fields, truth in zip(output, asked, strict=True):
        row, column, label = np.unravel_index(fields[..., :2].argmax(), (*fields.shape[:2], 2))
        left, top, width, height = truth.boxes[0]
        x, y = (column + 0.5) * blobs.CELL, (row + 0.5) * blobs.CELL
        inside = left <= x <= left + width and top <= y <= top + height
        right += inside and label == truth.labels[0]
    assert right >= 10


def test_a_network_is_kept_at_every_stage_and_they_differ() -> None:
    found = fitted()
    assert found.steps == LEAST_STEPS
    assert len(found.networks) == 2
    assert not np.array_equal(found.networks[0].out, found.networks[1].out)


def test_the_same_seed_brings_the_same_network() -> None:
    first, again, other = fitted(1), fitted(1), fitted(2)
    np.testing.assert_allclose(first.networks[1].out, again.networks[1].out, atol=1e-5)
    assert not np.allclose(first.networks[1].out, other.networks[1].out, atol=1e-3)


def test_too_little_time_leaves_the_least_steps() -> None:
    lesson = blobs.lesson(16)
    recipe = Recipe(width=16, convolutions=1, steps=500, batch=8)
    found = fit_network(
        folded(lesson), lesson.targets, np.arange(16), recipe, seed=0, left_s=lambda: 1e-6
    )
    assert found.steps == LEAST_STEPS
    assert len(found.networks) == len(recipe.kept_at)


@pytest.mark.parametrize(("enough_at", "steps"), [(1, LEAST_STEPS), (90, 90)])
def test_enough_ends_it_with_a_network_for_each_stage(enough_at: int, steps: int) -> None:
    lesson, recipe = blobs.lesson(16), Recipe(width=16, convolutions=1, steps=200, batch=8)
    asked: list[int] = []

    def left_s() -> float:
        asked.append(1)
        return 0.0 if len(asked) >= enough_at else math.inf

    found = fit_network(
        folded(lesson), lesson.targets, np.arange(16), recipe, seed=0, left_s=left_s
    )
    assert found.steps == steps
    assert len(found.networks) == len(recipe.kept_at)
    assert all(np.isfinite(network.out).all() for network in found.networks)


def test_whoever_is_told_of_the_steps_may_stop_them() -> None:
    seen = []

    def stop() -> None:
        seen.append(1)
        if len(seen) == 5:
            raise KeyError("enough")

    with pytest.raises(KeyError):
        fitted(tick=stop)
    assert len(seen) == 5
