"""Cross-validation of families: each item by heads that have not seen it; failures are rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.common.heads.base import Floats
from services.common.heads.head import Head
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import FitError, Indices
from services.trainer.fitters.class_mean import fit_class_mean
from services.trainer.search.candidates import ClassMeans, Family, HeadSpec
from services.trainer.search.examples import Examples
from services.trainer.search.held_out import Trial, Watch, run_trials

LABELS = ("a", "b")


@dataclass
class Recording:
    """A family that notes what it was fitted on, and fails from fold `fails_at` on."""

    fails_at: int = 10**6
    seen: list[Floats] = field(default_factory=list)

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return (HeadSpec("recording", (), (0, 0)),)

    def fit(self, x: Floats, y: Indices, labels: Sequence[str]) -> Sequence[Head]:
        if len(self.seen) >= self.fails_at:
            raise FitError("no luck")
        self.seen.append(x)
        return [fit_class_mean(x, y, labels)]

    def fit_one(self, index: int, x: Floats, y: Indices, labels: Sequence[str]) -> Head:
        return self.fit(x, y, labels)[index]

    def estimate_s(self, n: int, d: int, c: int) -> float:
        return 0.0


def _examples() -> Examples:
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    return Examples(x, np.arange(20) % 2, LABELS, np.arange(20))


def _run(*families: Family) -> list[Trial]:
    examples = _examples()
    plan = stratified_folds(examples.y, folds=5, repeats=2)
    watch = Watch(lambda done, total: None, lambda: False, 100)
    return run_trials(examples, families, plan, seed=0, watch=watch)


def test_an_item_is_answered_by_a_head_that_was_not_fitted_on_it() -> None:
    family, examples = Recording(), _examples()
    (trial,) = _run(family)
    assert trial.held_out is not None
    for repeat in range(2):
        for item in range(20):
            trained_on = family.seen[trial.held_out.fold[repeat, item]]
            assert not (trained_on == examples.x[item]).all(axis=1).any()


def test_the_answers_are_those_of_the_heads_that_serve() -> None:
    family, examples = Recording(), _examples()
    (trial,) = _run(family)
    assert trial.held_out is not None
    fold = stratified_folds(examples.y, folds=5, repeats=2).folds[7]
    head = fit_class_mean(examples.x[fold.train], examples.y[fold.train], LABELS)
    np.testing.assert_array_equal(
        trial.held_out.log_proba[fold.repeat, fold.test], head.log_proba(examples.x[fold.test])
    )


def test_a_failing_family_is_a_failed_row_and_the_others_go_on() -> None:
    failed, fine = _run(Recording(fails_at=3), ClassMeans())
    assert (failed.held_out, failed.error) == (None, "no luck")
    assert fine.held_out is not None
    assert fine.error == ""
