"""Every candidate's answers to every example while that example was held out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graft.errors import Cancelled
from services.common.heads.base import Floats
from services.trainer.data.split import Fold, SplitPlan
from services.trainer.fitters.base import FitError
from services.trainer.search.candidates import Family, HeadSpec
from services.trainer.search.examples import Examples, Indices

# Scores kept at once, over all candidates and repeats (float32: 120 MB). Where there are so many
# classes that this is exceeded, a random part of the examples is measured.
MAX_SCORES = 30_000_000


@dataclass(frozen=True)
class HeldOut:
    """The held-out answers of one candidate.

    `log_proba` float32 `[r, m, c]`: of item `items[j]` in repeat i, by a head that was not fitted
    on it; `fold` `[r, m]`: which fold held it out. `train_share`: the mean share of all examples
    that such a head was fitted on.
    """

    items: Indices
    log_proba: Floats
    fold: Indices
    train_share: float


@dataclass(frozen=True)
class Trial:
    """What came of one candidate."""

    spec: HeadSpec
    family: Family
    index: int  # in the family
    seconds: float
    held_out: HeldOut | None = None
    error: str = ""


@dataclass(frozen=True)
class Watch:
    """How a long computation of `total` fits, `done` of which are over, is followed and stopped."""

    progress: Callable[[int, int], None]
    cancelled: Callable[[], bool]
    total: int
    done: int = 0

    def step(self, further: int) -> None:
        """Says that `further` fits more are over. Raises Cancelled when asked to stop."""
        done = self.done + further
        self.progress(done, self.total)
        if self.cancelled():
            raise Cancelled(f"the search was cancelled after {done} of {self.total} fits")


def run_trials(
    examples: Examples, families: Sequence[Family], plan: SplitPlan, *, seed: int, watch: Watch
) -> list[Trial]:
    """Cross-validates every family over the plan; a failing family becomes failed trials."""
    candidates = sum(len(family.specs) for family in families)
    items = _measured(examples, plan, candidates, seed)
    trials: list[Trial] = []
    for i, family in enumerate(families):
        stage = replace(watch, done=watch.done + i * len(plan.folds))
        trials += _run_family(examples, family, plan, items, stage)
    return trials


def _measured(examples: Examples, plan: SplitPlan, candidates: int, seed: int) -> Indices:
    tested = np.setdiff1d(np.arange(len(examples.y)), plan.never_tested)
    limit = MAX_SCORES // (len(examples.labels) * max(plan.repeats, 1) * candidates)
    if len(tested) <= limit:
        return tested
    return np.sort(np.random.default_rng([seed, 1]).choice(tested, limit, replace=False))


def _run_family(
    examples: Examples, family: Family, plan: SplitPlan, items: Indices, watch: Watch
) -> list[Trial]:
    began = time.perf_counter()
    shape = (len(family.specs), plan.repeats, len(items), len(examples.labels))
    scores = np.empty(shape, np.float32)
    fold_of = np.empty(shape[1:3], np.int64)
    error = ""
    try:
        for number, fold in enumerate(plan.folds):
            watch.step(number)
            where, rows = _positions(items, fold)
            fold_of[fold.repeat, where] = number
            scores[:, fold.repeat, where] = _scores(examples, family, fold.train, rows)
    except FitError as cause:
        error = str(cause)
    seconds = (time.perf_counter() - began) / len(family.specs)
    kept = [HeldOut(items, score, fold_of, plan.train_share) for score in scores]
    return [
        Trial(spec, family, i, seconds, None if error else kept[i], error)
        for i, spec in enumerate(family.specs)
    ]


def _positions(items: Indices, fold: Fold) -> tuple[Indices, Indices]:
    """Where in `items` the measured examples of the fold stand, and which examples they are."""
    where = np.flatnonzero(np.isin(items, fold.test, assume_unique=True))
    return where, items[where]


def _scores(
    examples: Examples, family: Family, train: Indices, rows: Indices
) -> NDArray[np.float32]:
    heads = family.fit(examples.x[train], examples.y[train], examples.labels)
    x = examples.x[rows]
    return np.stack([head.log_proba(x) for head in heads])
