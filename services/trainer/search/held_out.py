"""Every candidate's answers to every example while that example was held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graft.errors import Cancelled
from services.common.heads.base import Floats
from services.trainer.data.split import Fold, SplitPlan
from services.trainer.fitters.base import Doubles, Fit, FitError, Indices, Truth
from services.trainer.search.candidates import Family, HeadSpec
from services.trainer.search.judge import judge_of
from services.trainer.search.space import Space

# Scores kept at once of one family, over all candidates and repeats (float32: 120 MB). Where there
# are so many classes that this is exceeded, a random part of the examples is measured.
MAX_SCORES = 30_000_000


@dataclass(frozen=True)
class HeldOut:
    """The held-out answers of one candidate.

    `log_proba` float32 `[r, m, c]`: of item `items[j]` in repeat i, by a head that was not fitted
    on it (of several labels an item those of each by itself); `fold` `[r, m]`: which fold held it
    out. `train_share`: the mean share of all examples that such a head was fitted on.
    """

    items: Indices
    log_proba: Floats
    fold: Indices
    train_share: float

    def with_repeats(self, more: HeldOut) -> HeldOut:
        """These answers and, of the same items, those of further repeats, in folds of their own."""
        return replace(
            self,
            log_proba=np.concatenate([self.log_proba, more.log_proba]),
            fold=np.concatenate([self.fold, more.fold + int(self.fold.max()) + 1]),
        )


@dataclass(frozen=True)
class Contender:
    """A family in a space; `about` says which cut and views that is, for the table."""

    family: Family
    space: Space
    about: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Trial:
    """What came of one candidate: the `index`-th of the contender's family.

    An average has the trials that it is made of in `members`, and no contender; nor has a trial
    whose space came to nothing, which is known by what it was to be `of`.
    """

    spec: HeadSpec
    contender: Contender | None
    index: int
    seconds: float
    held_out: HeldOut | None = None
    error: str = ""
    members: tuple[Trial, ...] = ()
    of: tuple[tuple[str, str], ...] = ()

    @property
    def about(self) -> tuple[tuple[str, str], ...]:
        """The cut and the views."""
        if self.contender is not None:
            return self.contender.about
        return self.members[0].about if self.members else self.of


@dataclass
class Watch:
    """Follows a long computation: owns the count of what is done and ends it when asked to."""

    progress: Callable[[int, int], None]
    cancelled: Callable[[], bool]
    total: int
    done: int = 0

    def step(self) -> None:
        """Says that one more fit begins. Raises Cancelled when asked to stop."""
        self.progress(min(self.done, self.total), self.total)
        self.check()
        self.done += 1

    def check(self) -> None:
        """Raises Cancelled when asked to stop."""
        if self.cancelled():
            raise Cancelled(f"the search was cancelled after {self.done} of {self.total} fits")


def measured_items(y: Truth, classes: int, plan: SplitPlan, members: int, seed: int) -> Indices:
    """The examples whose held-out answers are kept: all that can be held out, or a random part."""
    tested = np.setdiff1d(np.arange(len(y)), plan.never_tested)
    limit = max(MAX_SCORES // (classes * max(plan.repeats, members)), 1)
    if len(tested) <= limit:
        return tested
    return np.sort(np.random.default_rng([seed, 1]).choice(tested, limit, replace=False))


def run_trials(
    contender: Contender,
    y: Truth,
    classes: int,
    plan: SplitPlan,
    items: Indices,
    watch: Watch,
) -> list[Trial]:
    """Cross-validates a contender over the folds of `plan`; a failure becomes failed trials, and so
    do answers that are not numbers."""
    family, judge = contender.family, judge_of(y)
    began = time.perf_counter()
    shape = (len(family.specs), plan.repeats, len(items), classes)
    scores = np.empty(shape, np.float32)
    fold_of = np.empty(shape[1:3], np.int64)
    first = min((fold.repeat for fold in plan.folds), default=0)
    error = ""
    try:
        for number, fold in enumerate(plan.folds):
            watch.step()
            where, rows = _positions(items, fold)
            fold_of[fold.repeat - first, where] = number
            for i, fit in enumerate(_fits(contender, y, classes, fold.train)):
                z = contender.space.z[rows]
                scores[i, fold.repeat - first, where] = judge.answers(_logits(fit, z))
    except FitError as cause:
        error = str(cause)
    spent = (time.perf_counter() - began) / len(family.specs)
    made = []
    for i, spec in enumerate(family.specs):
        why = error or ("its answers are not numbers" if np.isnan(scores[i]).any() else "")
        kept = None if why else HeldOut(items, scores[i], fold_of, plan.train_share)
        made.append(Trial(spec, contender, i, spent, kept, why))
    return made


def _positions(items: Indices, fold: Fold) -> tuple[Indices, Indices]:
    """Where in `items` the measured examples of the fold stand, and which examples they are."""
    where = np.flatnonzero(np.isin(items, fold.test, assume_unique=True))
    return where, items[where]


def _fits(
    contender: Contender, y: Truth, classes: int, train: Indices, *, final: bool = False
) -> Sequence[Fit]:
    space = contender.space
    rows, borne = space.training(train, y[train], classes)
    return contender.family.fit(rows, borne, classes, copies=space.copies, final=final)


def fit_all(contender: Contender, y: Truth, classes: int) -> Fit:
    """The fit of a contender with a single candidate to all examples. Raises FitError."""
    return _fits(contender, y, classes, np.arange(len(y)), final=True)[0]


def _logits(fit: Fit, z: Doubles) -> Floats:
    return np.asarray(fit.logits(z), dtype=np.float32)
