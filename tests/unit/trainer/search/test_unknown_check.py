"""The check with hidden classes: areas by counting, and what is hidden from whom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.heads.base import Floats, l2_normalise
from services.common.heads.blocks import Blocks
from services.common.heads.familiarity import Familiarity
from services.common.heads.head import Head
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.fitters.familiarity import fit_familiarity
from services.trainer.search.examples import Examples, Indices
from services.trainer.search.unknown_check import (
    MAX_CLASSES,
    MAX_EXAMPLES,
    MAX_FITS,
    UnknownNumbers,
    area,
    check_unknown,
)
from tests.support.mean_head import mean_head

DIM = 200
BLOCKS = Blocks.unit(DIM)
SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=8)


def _examples(classes: int, each: int, *, apart: float = 3.0, seed: int = 0) -> Examples:
    """Classes around centres as long as `apart` times the noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(classes * each) % classes
    x = rng.normal(size=(classes, DIM))[y] * apart + rng.normal(size=(len(y), DIM))
    labels = tuple(f"class{i:03d}" for i in range(classes))
    return Examples(l2_normalise(x.astype(np.float32)), y, labels, np.arange(len(y)))


class _Recorder:
    """Fits class means and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, tuple[str, ...]]] = []

    def __call__(self, x: Floats, y: Indices, labels: Sequence[str]) -> Head:
        self.shown.append((len(x), tuple(labels)))
        return mean_head(x, y, labels)


def _check(examples: Examples, fit: _Recorder | None = None) -> UnknownNumbers | None:
    return check_unknown(
        examples, BLOCKS, _familiarity(examples), _plan(examples), fit or _Recorder()
    )


def _plan(examples: Examples) -> SplitPlan:
    return stratified_folds(examples.y, examples.groups)


def _familiarity(examples: Examples) -> Familiarity:
    found = fit_familiarity(examples.x)
    return found.calibrated(odds_weight=0.3, distance_weight=10.0, below=0.0)


@given(SCORES, SCORES)
def test_an_area_is_the_share_of_pairs_in_the_right_order(
    known: list[int], strange: list[int]
) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in known for b in strange]
    found = area(np.array(known, float), np.array(strange, float))
    assert found == pytest.approx(np.mean(pairs))


def test_classes_that_stand_apart_are_missed_when_they_are_hidden() -> None:
    found = _check(_examples(6, 20))
    assert found is not None
    assert (found.fits, found.classes) == (6, 6)
    assert found.auroc > 0.95
    assert found.auroc_max_probability > 0.7


def test_classes_that_are_none_cannot_be_told() -> None:
    found = [_check(_examples(6, 20, apart=0.0, seed=seed)) for seed in range(5)]
    assert np.mean([one.auroc for one in found if one]) == pytest.approx(0.5, abs=0.05)


def test_a_hidden_class_is_shown_to_no_head_and_each_is_hidden_once() -> None:
    examples, fit = _examples(5, 10), _Recorder()
    _check(examples, fit)
    hidden = [set(examples.labels) - set(labels) for _, labels in fit.shown]
    assert sorted(label for group in hidden for label in group) == sorted(examples.labels)
    assert {rows for rows, _ in fit.shown} == {32}  # 4 classes of 8: a fifth of each is held out


def test_the_work_is_bounded_however_many_classes_there_are() -> None:
    examples, fit = _examples(3 * MAX_CLASSES, 12), _Recorder()
    found = _check(examples, fit)
    assert found is not None
    assert found.classes == MAX_CLASSES
    assert found.fits == len(fit.shown) == MAX_FITS
    assert max(rows for rows, _ in fit.shown) < MAX_EXAMPLES
    assert found.auroc > 0.8


def test_it_ends_early_with_what_it_has() -> None:
    examples, fit = _examples(6, 10), _Recorder()
    left = iter([True, True, False])
    arguments = (examples, BLOCKS, _familiarity(examples), _plan(examples), fit)
    found = check_unknown(*arguments, go_on=lambda: next(left))
    assert found is not None
    assert found.fits == len(fit.shown) == 2
    assert check_unknown(*arguments, go_on=lambda: False) is None


def test_two_classes_cannot_be_checked() -> None:
    assert _check(_examples(2, 20)) is None


def test_without_folds_there_is_nothing_to_compare() -> None:
    assert _check(_examples(5, 1)) is None


def test_classes_of_one_example_do_no_harm() -> None:
    big = _examples(4, 15)
    y = np.append(big.y, [4, 5])
    x = np.concatenate([big.x, _examples(2, 1, seed=1).x])
    examples = Examples(x, y, (*big.labels, "one", "other"), np.arange(len(y)))
    found = _check(examples)
    assert found is not None
    assert 0.5 < found.auroc <= 1


def test_the_same_arguments_give_the_same_numbers() -> None:
    examples = _examples(12, 8)
    assert _check(examples) == _check(examples)
