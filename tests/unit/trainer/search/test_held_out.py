"""Cross-validation of a family: each item by fits that have not seen it; failures are trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pytest

from graft.errors import Cancelled
from services.common.heads.base import log_softmax
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.fitters.base import Doubles, Fit, FitError, Indices, LinearFit
from services.trainer.fitters.class_mean import fit_class_mean
from services.trainer.search import held_out
from services.trainer.search.bank import Bank
from services.trainer.search.candidates import ClassMeans, HeadSpec
from services.trainer.search.cuts import DEFAULT, LAST
from services.trainer.search.held_out import (
    Contender,
    Trial,
    Watch,
    fit_all,
    measured_items,
    run_trials,
)
from services.trainer.search.space import Space

Y, ITEMS = np.arange(20) % 2, np.arange(20)
PLAN = stratified_folds(Y, folds=5, repeats=2)
ABOUT = (("cut", "default"),)


@dataclass
class Recording:
    """A family that notes what it was fitted on, and fails from fit `fails_at` on."""

    fails_at: int = 10**6
    seen: list[Doubles] = field(default_factory=list)
    answers: Callable[[Fit], Fit] = lambda fit: fit

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return (HeadSpec("right"), HeadSpec("changed"))

    def only(self, index: int) -> Self:
        return self

    def fit(self, z: Doubles, y: Indices, classes: int, *, copies: int, final: bool) -> list[Fit]:
        if len(self.seen) >= self.fails_at:
            raise FitError("no luck")
        self.seen.append(z)
        fit = fit_class_mean(z, y, classes)
        return [fit, self.answers(fit)]

    def estimate_s(self, n: int, r: int, c: int) -> float:
        return 0.0


def _space(views: int = 0) -> Space:
    rng = np.random.default_rng(0)
    vectors = {DEFAULT: rng.normal(size=(20, 6)).astype(np.float32)}
    named = {f"view {i}": {DEFAULT: vectors[DEFAULT] + i + 1} for i in range(views)}
    return Space.of(Bank(vectors, Y, ("a", "b"), ITEMS, named), LAST, views=tuple(named))


def _watch(cancelled: Callable[[], bool] = lambda: False, total: int = 100) -> Watch:
    return Watch(lambda done, total: None, cancelled, total)


def _run(
    family: Recording, plan: SplitPlan = PLAN, items: Indices = ITEMS, views: int = 0
) -> list[Trial]:
    return run_trials(Contender(family, _space(views), ABOUT), Y, 2, plan, items, _watch())


@pytest.mark.parametrize("views", [0, 2])
def test_an_item_is_answered_by_a_fit_that_saw_neither_it_nor_its_views(views: int) -> None:
    family, space = Recording(), _space(views)
    trial = _run(family, views=views)[0]
    assert trial.held_out is not None
    for repeat in range(2):
        for item in range(20):
            trained_on = family.seen[trial.held_out.fold[repeat, item]]
            assert len(trained_on) == 16 * (1 + views)
            for row in space.z[space.rows(np.array([item]))]:
                assert not (trained_on == row).all(axis=1).any()


def test_the_answers_are_those_of_a_fit_to_the_fold() -> None:
    trial, space = _run(Recording())[0], _space()
    assert trial.held_out is not None
    fold = PLAN.folds[7]
    fit = fit_class_mean(space.z[fold.train], Y[fold.train], 2)
    expected = log_softmax(fit.logits(space.z[fold.test]).astype(np.float32))
    np.testing.assert_array_equal(trial.held_out.log_proba[fold.repeat, fold.test], expected)


def test_of_some_items_the_answers_are_the_same() -> None:
    some = np.array([3, 4, 11])
    everything, part = _run(Recording())[0].held_out, _run(Recording(), items=some)[0].held_out
    assert everything is not None
    assert part is not None
    np.testing.assert_array_equal(part.log_proba, everything.log_proba[:, some])
    np.testing.assert_array_equal(part.fold, everything.fold[:, some])


def test_further_repeats_are_those_of_the_whole_plan_in_folds_of_their_own() -> None:
    whole = _run(Recording())[0].held_out
    first, more = (_run(Recording(), plan=PLAN.part(i, i + 1))[0].held_out for i in range(2))
    assert whole is not None
    assert first is not None
    assert more is not None
    both = first.with_repeats(more)
    np.testing.assert_array_equal(both.log_proba, whole.log_proba)
    np.testing.assert_array_equal(both.fold, whole.fold)


def test_a_failing_family_is_failed_trials_one_for_each_spec() -> None:
    trials = _run(Recording(fails_at=3))
    assert [(trial.held_out, trial.error) for trial in trials] == [(None, "no luck")] * 2
    assert [trial.spec.kind for trial in trials] == ["right", "changed"]
    assert trials[1].about == ABOUT


def test_answers_that_are_not_numbers_fail_alone() -> None:
    family = Recording(answers=lambda fit: LinearFit(np.full((6, 2), np.nan), np.zeros(2)))
    right, broken = _run(family)
    assert right.held_out is not None
    assert right.error == ""
    assert (broken.held_out, broken.error) == (None, "its answers are not numbers")


def test_the_final_fit_is_to_all_examples() -> None:
    space = _space(1)
    found = fit_all(Contender(ClassMeans(), space, ABOUT), Y, 2)
    expected = fit_class_mean(space.z, np.tile(Y, 2), 2)
    np.testing.assert_array_equal(found.logits(space.z), expected.logits(space.z))


def test_an_average_is_of_its_members_and_what_has_no_space_of_what_it_was_to_be() -> None:
    single = _run(Recording())[0]
    assert Trial(HeadSpec("average"), None, 0, 0.0, members=(single,)).about == ABOUT
    assert Trial(HeadSpec("lda"), None, 0, 0.0, error="why", of=ABOUT).about == ABOUT
    assert Trial(HeadSpec("lda"), None, 0, 0.0, error="why").about == ()


def test_what_can_be_held_out_is_measured_or_a_part_of_it_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y = np.r_[np.arange(400) % 4, 4]  # the fifth class cannot be held out
    plan = stratified_folds(y)
    assert measured_items(y, 5, plan, 10, 0).tolist() == list(range(400))
    monkeypatch.setattr(held_out, "MAX_SCORES", 5000)
    some = measured_items(y, 5, plan, 10, 0)
    assert len(some) * 5 * 10 <= 5000
    assert len(np.unique(some)) == len(some) == 100
    assert (np.diff(some) > 0).all()
    assert 400 not in some
    np.testing.assert_array_equal(some, measured_items(y, 5, plan, 10, 0))
    assert some.tolist() != measured_items(y, 5, plan, 10, 1).tolist()


def test_a_watch_counts_and_never_beyond_its_total() -> None:
    seen: list[tuple[int, int]] = []
    watch = replace(_watch(total=2), progress=lambda done, total: seen.append((done, total)))
    for _ in range(4):
        watch.step()
    assert seen == [(0, 2), (1, 2), (2, 2), (2, 2)]


def test_a_watch_ends_what_it_follows() -> None:
    asked = iter([False, False, True])
    contender = Contender(Recording(), _space(), ABOUT)
    with pytest.raises(Cancelled, match="after 2 of 100 fits"):
        run_trials(contender, Y, 2, PLAN, ITEMS, _watch(lambda: next(asked)))
