"""What a detector knows, and how strange things are told from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.common.heads.base import l2_normalise
from services.trainer.detection.unknown import LEAST_THINGS, fit_known
from services.trainer.fitters.familiarity import FIT_ROWS
from services.trainer.search.examples import Examples

DIM = 24


def things(count: int, labels: int, seed: int = 0) -> Examples:
    """Of each label a cloud around an axis of its own; two things a picture."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % labels
    x = (np.eye(DIM)[y] + rng.normal(0, 0.05, (count, DIM))).astype(np.float32)
    names = tuple(f"label{number}" for number in range(labels))
    return Examples(l2_normalise(x), y, names, np.arange(count) // 2)


def test_things_like_those_shown_are_kept_and_others_are_not() -> None:
    known = fit_known(things(120, 3), seed=0)
    assert known is not None
    assert known.familiarity is not None
    nothing = np.zeros(200, np.float32)
    strange = np.roll(things(200, 3, seed=2).x, 7, axis=1)
    kept = known.familiarity.unknown(things(200, 3, seed=1).x, nothing).mean()
    assert kept < 0.15
    assert known.familiarity.unknown(strange, nothing).all()
    assert known.unknown.measured_kept_share == pytest.approx(0.95, abs=0.03)


def test_labels_are_hidden_in_turn_where_there_are_three() -> None:
    known = fit_known(things(120, 3), seed=0)
    assert known is not None
    assert known.numbers is not None
    assert known.numbers.auroc > 0.95
    for labels in (1, 2):
        few = fit_known(things(120, labels), seed=0)
        assert few is not None
        assert few.numbers is None


def test_of_few_things_or_equal_ones_nothing_is_known() -> None:
    assert fit_known(things(LEAST_THINGS - 1, 1), seed=0) is None
    together = replace(things(20, 2), groups=np.zeros(20, np.int64))
    known = fit_known(together, seed=0)
    assert known is None or known.familiarity is None
    broken = replace(things(20, 2), x=np.full((20, DIM), np.nan, np.float32))
    assert fit_known(broken, seed=0) is None


def test_of_very_many_things_some_are_looked_at() -> None:
    known = fit_known(things(3 * FIT_ROWS, 4), seed=0)
    assert known is not None
    assert known.unknown.count <= FIT_ROWS
