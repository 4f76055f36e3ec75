"""The threshold: that it keeps what it states, and what it does where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.heads.base import Floats, l2_normalise, log_softmax
from services.common.heads.familiarity import NEVER
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.familiarity import FIT_ROWS
from services.trainer.search.examples import Examples
from services.trainer.search.unknown import (
    Unknown,
    distances_beyond,
    fit_unknown,
    fit_unknown_by,
    low_quantile,
)
from tests.support.mean_head import mean_head

DIM = 60


def _draw(n: int, classes: int, seed: int) -> tuple[Floats, np.ndarray]:
    """Embeddings of length 1 around centres that every seed shares, the spectrum falling."""
    centres = np.random.default_rng(99).normal(size=(classes, DIM))
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    noise = rng.normal(size=(n, DIM)) * np.geomspace(3, 0.3, DIM)
    return l2_normalise((centres[y] + noise).astype(np.float32)), y


def _examples(n: int, classes: int = 4, seed: int = 0) -> Examples:
    x, y = _draw(n, classes, seed)
    return Examples(x, y, tuple(f"class{i}" for i in range(classes)), np.arange(n))


def _held_out(examples: Examples, *, seed: int = 0, repeats: int = 2) -> tuple[np.ndarray, Floats]:
    plan = stratified_folds(examples.y, examples.groups, repeats=repeats, seed=seed)
    items = np.setdiff1d(np.arange(len(examples.y)), plan.never_tested)
    shape = (plan.repeats, len(items), len(examples.labels))
    log_proba = np.zeros(shape, np.float32)
    for fold in plan.folds:
        head = mean_head(examples.x[fold.train], examples.y[fold.train], examples.labels)
        where = np.isin(items, fold.test)
        log_proba[fold.repeat, where] = head.log_proba(examples.x[items[where]])
    return items, log_proba


def _flagged(examples: Examples, unknown: Unknown, x: Floats) -> np.ndarray:
    head = mean_head(examples.x, examples.y, examples.labels)
    return unknown.familiarity.unknown(x, head.link.odds(head.logits(x)))


@pytest.mark.parametrize("m", [19, 40, 250])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_new_value_falls_below_the_quantile_with_the_stated_probability(
    m: int, share: float
) -> None:
    rng = np.random.default_rng(0)
    ends = [low_quantile(rng.random(m), share) for _ in range(4000)]
    assert np.mean(ends) == pytest.approx(share, abs=0.004)  # of uniform values: the probability


def _share_below(samples: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    ends = np.sort([low_quantile(sample, 0.05) for sample in samples])
    return 1 - float(np.searchsorted(ends, new, side="right").mean()) / len(ends)


@pytest.mark.parametrize("m", [3, 5, 10, 18])
def test_few_values_are_continued_by_an_exponential_tail(m: int) -> None:
    """Exactly for exponential values; normal ones have a lighter tail and are flagged less."""
    rng = np.random.default_rng(0)
    exponential = _share_below(-rng.exponential(size=(4000, m)), -rng.exponential(size=20_000))
    assert exponential == pytest.approx(0.05, abs=0.006)
    normal = _share_below(rng.normal(size=(4000, m)), rng.normal(size=20_000))
    assert 0.01 < normal < 0.05


def test_a_quantile_does_not_depend_on_order_or_unit() -> None:
    values = np.random.default_rng(0).normal(size=12)
    low = low_quantile(values, 0.05)
    assert low < values.min()
    assert low_quantile(values[::-1] * 3 + 1, 0.05) == pytest.approx(low * 3 + 1)


@pytest.mark.parametrize(("n", "kept_share"), [(24, 0.95), (100, 0.95), (100, 0.8)])
def test_the_stated_share_of_new_inputs_is_kept(n: int, kept_share: float) -> None:
    kept = []
    for seed in range(25):
        examples = _examples(n, seed=seed)
        unknown = fit_unknown(examples, *_held_out(examples), kept_share=kept_share, seed=seed)
        new, _ = _draw(400, 4, seed=1000 + seed)
        kept.append(1 - _flagged(examples, unknown, new).mean())
    assert np.mean(kept) == pytest.approx(kept_share, abs=0.02)


def test_the_measured_share_is_that_of_the_held_out_scores() -> None:
    examples = _examples(100)
    unknown = fit_unknown(examples, *_held_out(examples))
    assert unknown.count == 100
    assert unknown.measured_kept_share == pytest.approx(0.95, abs=0.015)


def test_something_else_altogether_is_flagged_however_sure_the_head_is() -> None:
    examples = _examples(100)
    unknown = fit_unknown(examples, *_held_out(examples))
    noise = np.random.default_rng(5).normal(size=(100, DIM)).astype(np.float32)
    strange = l2_normalise(np.asarray(examples.x + l2_normalise(noise)))
    assert _flagged(examples, unknown, strange).mean() > 0.5
    assert _flagged(examples, unknown, examples.x).mean() < 0.05


def test_the_same_arguments_give_the_same_bits() -> None:
    examples = _examples(60)
    first, again = (fit_unknown(examples, *_held_out(examples), seed=4) for _ in range(2))
    assert first.familiarity.below == again.familiarity.below
    for name, array in first.familiarity.to_arrays().items():
        np.testing.assert_array_equal(array, again.familiarity.to_arrays()[name])


def test_copies_of_an_example_do_not_make_new_ones_strange() -> None:
    """With copies on both sides of a fold, held-out distances would be those of the fitted."""
    one = _examples(60)
    twice = Examples(
        np.repeat(one.x, 2, axis=0), np.repeat(one.y, 2), one.labels, np.repeat(one.groups, 2)
    )
    unknown = fit_unknown(twice, *_held_out(twice))
    new, _ = _draw(400, 4, seed=7)
    assert _flagged(twice, unknown, new).mean() < 0.12


@pytest.mark.parametrize("held_back", [0, 2])
def test_with_too_few_held_out_examples_nothing_is_flagged(held_back: int) -> None:
    examples = _examples(8)
    items, log_proba = _held_out(examples)
    unknown = fit_unknown(examples, items[:held_back], log_proba[:, :held_back])
    assert unknown.measured_kept_share is None
    assert unknown.familiarity.below == NEVER
    assert not _flagged(examples, unknown, examples.x * 100).any()


def test_answers_that_are_all_the_same_are_left_out() -> None:
    examples = _examples(40)
    flat = log_softmax(np.zeros((40, 4), np.float32))[None]
    unknown = fit_unknown(examples, np.arange(40), flat)
    assert unknown.familiarity.odds_weight == 0
    assert unknown.familiarity.distance_weight > 0


def test_equal_embeddings_flag_none_of_themselves() -> None:
    examples = Examples(np.ones((8, DIM), "f4"), np.arange(8) % 2, ("a", "b"), np.arange(8))
    unknown = fit_unknown(examples, *_held_out(examples))
    assert not _flagged(examples, unknown, examples.x).any()


def test_of_many_examples_some_are_looked_at() -> None:
    examples = _examples(3 * FIT_ROWS, classes=3)
    unknown = fit_unknown(examples, *_held_out(examples, repeats=1))
    assert unknown.count == FIT_ROWS
    new, _ = _draw(2000, 3, seed=7)
    assert 1 - _flagged(examples, unknown, new).mean() == pytest.approx(0.95, abs=0.02)


def test_where_few_of_many_were_answered_it_is_those_that_are_looked_at() -> None:
    examples = _examples(3 * FIT_ROWS, classes=3)
    items, log_proba = _held_out(examples, repeats=1)
    some = np.sort(np.random.default_rng(0).choice(len(items), 200, replace=False))
    unknown = fit_unknown(examples, items[some], log_proba[:, some])
    assert unknown.count == 200
    new, _ = _draw(2000, 3, seed=7)
    assert 1 - _flagged(examples, unknown, new).mean() == pytest.approx(0.95, abs=0.04)


def test_classes_of_one_example_take_no_part_and_do_no_harm() -> None:
    x, _ = _draw(33, 3, seed=0)
    y = np.append(np.arange(30) % 3, [3, 4, 5])
    examples = Examples(x, y, tuple("abcdef"), np.arange(33))
    unknown = fit_unknown(examples, *_held_out(examples))
    assert unknown.count == 30


def _by_folds(examples: Examples) -> Unknown:
    """As a tuned tail measures: each third by what was learned from the other two."""
    plan = stratified_folds(examples.y, examples.groups, folds=3)
    distances = np.zeros(len(examples.y))
    log_proba = np.zeros((1, len(examples.y), len(examples.labels)), np.float32)
    for fold in plan.folds:
        train, test = examples.x[fold.train], examples.x[fold.test]
        distances[fold.test] = distances_beyond(train, test)
        head = mean_head(train, examples.y[fold.train], examples.labels)
        log_proba[0, fold.test] = head.log_proba(test)
    return fit_unknown_by(examples.x, distances, log_proba)


def test_distances_told_by_the_caller_keep_the_stated_share_of_new_inputs() -> None:
    flagged, held = [], []
    for seed in range(8):
        examples = _examples(100, seed=seed)
        unknown = _by_folds(examples)
        flagged.append(_flagged(examples, unknown, _draw(1000, 4, 100 + seed)[0]).mean())
        assert unknown.measured_kept_share is not None
        held.append(unknown.measured_kept_share)
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)
    assert np.mean(flagged) == pytest.approx(0.05, abs=0.025)


def test_held_out_distances_are_told_as_of_all_examples() -> None:
    few, many = _draw(60, 4, 0)[0], _draw(90, 4, 0)[0]
    fresh = _draw(500, 4, 1)[0]
    beyond = distances_beyond(few, fresh[:30]).mean()  # 60 of 90: two thirds
    plain = fit_unknown_by(few, np.zeros(0), np.zeros((1, 0, 4), np.float32)).familiarity
    full = fit_unknown_by(many, np.zeros(0), np.zeros((1, 0, 4), np.float32)).familiarity
    short, long = full.distance(fresh).mean(), plain.distance(fresh).mean()
    assert short < long
    assert abs(beyond - full.distance(fresh[:30]).mean()) < abs(
        plain.distance(fresh[:30]).mean() - full.distance(fresh[:30]).mean()
    )


def test_without_held_out_distances_nothing_is_flagged() -> None:
    x = _draw(20, 2, 0)[0]
    unknown = fit_unknown_by(x, np.zeros(2), np.zeros((1, 2, 2), np.float32))
    assert unknown.familiarity.below == NEVER
    assert (unknown.measured_kept_share, unknown.count) == (None, 0)
