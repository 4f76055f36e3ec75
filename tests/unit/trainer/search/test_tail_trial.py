"""Trying a tail in folds, with a real one: it is kept where it helps and left where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from graft.errors import Cancelled
from services.common.heads.base import Floats, l2_normalise, log_softmax
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.fitters.base import Indices
from services.trainer.fitters.tail import Recipe, TailTrainer
from services.trainer.search.tail_trial import (
    Case,
    Vectors,
    joined,
    measure,
    temperature_of,
    train_on_all,
    try_tail,
)
from services.trainer.search.tuning import FOLDS, MAX_ROUNDS
from tests.support import textures

QUICK = Recipe(learning_rate=3e-3, batch=40, pull=0.0, shift=0)


@dataclass(frozen=True)
class Means:
    """The nearest class mean, as sure of itself as `sharpness` says."""

    means: Floats
    sharpness: float

    def log_proba(self, x: Floats) -> Floats:
        return log_softmax(self.sharpness * (l2_normalise(x) @ self.means.T))


def fit(views: Sequence[Vectors], y: Indices) -> list[Means]:
    x = l2_normalise(joined(views[0]))
    means = np.stack([x[y == c].mean(axis=0) for c in range(int(y.max()) + 1)])
    return [Means(l2_normalise(means), sharpness) for sharpness in (1.0, 10.0, 1e5)]


def make_trainer() -> TailTrainer:
    return TailTrainer(textures.tail(), ["default"], QUICK)


def make_case(per_class: int = 30) -> tuple[Case, SplitPlan]:
    maps, y = textures.examples(per_class, seed=1)
    plan = stratified_folds(y, folds=FOLDS, seed=0)
    return Case((maps[None],), y, fit, seed=0), plan


def test_a_tail_that_helps_is_taken_and_serves_new_examples() -> None:
    case, plan = make_case()
    trainer = make_trainer()
    outcome = try_tail(trainer, case, plan)
    assert outcome.verdict.yes, outcome.verdict.reason
    assert outcome.comparison.frozen_accuracy < 0.7
    assert outcome.comparison.tuned_accuracy > 0.9
    assert 1 <= outcome.rounds <= MAX_ROUNDS
    _, head = train_on_all(trainer, case, outcome)
    maps, y = textures.examples(200, seed=9)
    answers = head.log_proba(joined(trainer.vectors([maps])))
    assert (answers.argmax(axis=1) == y).mean() > 0.9


def test_labels_that_mean_nothing_leave_the_network_frozen() -> None:
    case, plan = make_case()
    y = np.random.default_rng(3).permutation(case.y)
    outcome = try_tail(make_trainer(), replace(case, y=y), plan)
    assert not outcome.verdict.yes
    assert outcome.verdict.reason.startswith("left: ")


def test_every_example_is_answered_once_by_a_tail_that_did_not_see_it() -> None:
    case, plan = make_case()
    outcome = try_tail(make_trainer(), case, plan)
    assert sorted(outcome.items.tolist()) == list(range(len(case.y)))
    assert outcome.log_proba.shape == (len(case.y), 2)
    assert np.allclose(np.exp(outcome.log_proba).sum(axis=1), 1, atol=1e-5)
    for number, fold in enumerate(plan.folds):
        assert set(outcome.items[outcome.fold == number]) == set(fold.test.tolist())


def test_the_same_seed_comes_to_the_same_bits() -> None:
    case, plan = make_case()
    one, two = (try_tail(make_trainer(), case, plan) for _ in range(2))
    assert np.array_equal(one.log_proba, two.log_proba)
    assert one.verdict == two.verdict


def test_what_was_tried_before_does_not_change_the_outcome() -> None:
    case, plan = make_case()
    trainer = make_trainer()
    measure(trainer, case)
    first = try_tail(trainer, case, plan)
    assert np.array_equal(first.log_proba, try_tail(trainer, case, plan).log_proba)


def test_a_cancellation_ends_it_within_a_step() -> None:
    case, plan = make_case()
    calls = 0

    def tick() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        try_tail(make_trainer(), replace(case, tick=tick), plan)
    assert calls == 20


def test_strangeness_is_told_for_each_held_out_example() -> None:
    def strange(train: Floats, test: Floats) -> np.ndarray:
        return np.asarray(np.linalg.norm(test - train.mean(axis=0), axis=1), np.float64)

    case, plan = make_case()
    outcome = try_tail(make_trainer(), replace(case, strange=strange), plan)
    assert outcome.strange is not None
    assert outcome.strange.shape == (len(case.y),)
    assert (outcome.strange > 0).all()


def test_costs_are_measured_and_the_tail_is_left_untrained() -> None:
    case, _ = make_case()
    trainer, before = make_trainer(), make_trainer().weights()
    costs = measure(trainer, case)
    assert costs.step_s > 0
    assert costs.forward_s > 0
    assert all(np.array_equal(a, b) for a, b in zip(trainer.weights(), before, strict=True))


def test_a_head_that_is_far_too_sure_finds_its_temperature() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    right = rng.random(400) < 0.8
    said = np.where(right, y, (y + 1) % 3)
    logits = 5000.0 * np.eye(3, dtype=np.float32)[said]
    temperature = temperature_of(log_softmax(logits), y)
    assert temperature > 1000
    sure = float(np.exp(log_softmax(logits / np.float32(temperature))).max(axis=1).mean())
    assert sure == pytest.approx(0.8, abs=0.05)
