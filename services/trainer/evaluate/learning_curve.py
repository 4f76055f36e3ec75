"""Accuracy measured on subsamples: what a model makes of a part of the examples.

The examples are dealt once to some folds (services.trainer.data.split: stratified, groups kept
together). A subsample is a run of neighbouring folds, its test the rest; the runs of one length go
round the circle, so that every example is tested equally often at every size and stands for itself
in all of them. Differences between sizes are then differences between answers to the same examples,
which is what makes the growth measurable where the level is not.

There are as many folds as a typical class has examples, so that each fold holds about one of each
class: with more folds than that, a tested class would be smaller than its rivals while it is tested
and lose to them for that reason alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats
from services.trainer.data.split import SplitPlan, stratified_folds

Indices = NDArray[np.int64]
# Fits a head to the examples `train` and gives its log probabilities for the examples `test`:
# indices [m] and [t] in, [t, c] out. Every class is among `train`.
FitScore = Callable[[Indices, Indices], Floats]

MAX_FOLDS = 10
MAX_SIZES = 5
SMALLEST_SHARE = 0.2
# Of more examples than this a random part stands for the whole; every class keeps two.
MAX_EXAMPLES = 10_000
# Examples fitted in all, over all subsamples: above 1,600 examples fewer runs of a length are
# measured, since more examples need fewer repetitions.
MAX_FITTED = 40_000
# Scores in one answer (float32: 40 MB): above it a random part of the rest is tested.
MAX_SCORES = 10_000_000


@dataclass(frozen=True)
class Subsample:
    """One fit of size number `size`: indices ascending, `train` and `test` disjoint."""

    size: int
    train: Indices
    test: Indices


@dataclass(frozen=True)
class SubsamplePlan:
    """All fits, smallest first. `sizes`: how many different sizes; 0 when nothing can be tested."""

    sizes: int
    subsamples: tuple[Subsample, ...]


@dataclass(frozen=True)
class Measured:
    """What was measured at j sizes, ascending, on n examples of c classes.

    `right` float64 `[j, n]`: the share of fits that answered an example right while it was held
    out; NaN where it never was. `trained` float64 `[j, c]`: examples of each class in a subsample,
    on average. `fits` `[j]`: how many subsamples. `y`, `groups` `[n]`; `counts` `[c]`: examples of
    each class that the delivered model is trained on.
    """

    right: NDArray[np.float64]
    trained: NDArray[np.float64]
    fits: Indices
    y: Indices
    groups: Indices
    counts: Indices


def plan_subsamples(
    y: Indices,
    groups: Indices,
    *,
    seed: int = 0,
    max_examples: int = MAX_EXAMPLES,
    max_fitted: int = MAX_FITTED,
) -> SubsamplePlan:
    """Which examples to train on and which to test, for classes `y` `[n]` and group ids `[n]`."""
    kept = _kept(y, groups, max_examples, np.random.default_rng([seed, 2]))
    folds = _folds(y[kept], groups[kept])
    split = stratified_folds(y[kept], groups[kept], folds=folds, seed=seed)
    if not split.folds:
        return SubsamplePlan(0, ())
    fold_of = _fold_of(split, len(kept))
    lengths = _lengths(folds)
    runs = int(np.clip(max_fitted * folds // (int(lengths.sum()) * len(kept)), 1, folds))
    limit = max(1, MAX_SCORES // (int(y.max()) + 1))
    rng = np.random.default_rng([seed, 3])
    made = []
    for size, length in enumerate(lengths):
        for start in range(runs):
            age = np.where(fold_of < 0, -1, (fold_of - start) % folds)
            train = _with_every_class(age < length, age, y[kept], groups[kept])
            test = np.flatnonzero(~train)
            if len(test):
                made.append(Subsample(size, kept[train], kept[_part(test, limit, rng)]))
    return SubsamplePlan(len(lengths), tuple(made))


def _kept(y: Indices, groups: Indices, limit: int, rng: np.random.Generator) -> Indices:
    """At most about `limit` examples, a random share of the groups of each class, two at least."""
    if len(y) <= limit:
        return np.arange(len(y))
    unit, first = np.unique(groups, return_index=True)
    shuffled = first[rng.permutation(len(unit))]
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    sizes = np.bincount(y[order])
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    wanted = np.maximum(2, np.ceil(sizes * (limit / len(y)))).astype(np.int64)
    return np.flatnonzero(np.isin(groups, groups[order[rank < wanted[y[order]]]]))


def _folds(y: Indices, groups: Indices) -> int:
    """The number of groups that the median class has, within 2 and MAX_FOLDS."""
    pairs = np.unique(np.stack([y, groups]), axis=1)
    sizes = np.unique(pairs[0], return_counts=True)[1]
    return int(np.clip(np.median(sizes), 2, MAX_FOLDS))


def _fold_of(split: SplitPlan, count: int) -> Indices:
    """The fold of each example; -1 for those that are always trained on."""
    fold_of = np.full(count, -1)
    for number, fold in enumerate(split.folds):
        fold_of[fold.test] = number
    fold_of[split.never_tested] = -1
    return fold_of


def _lengths(folds: int) -> Indices:
    """Folds to train on, from a fifth of them to all but one, in even steps of the logarithm."""
    shortest = max(1, round(SMALLEST_SHARE * folds))
    steps = np.geomspace(shortest, max(shortest, folds - 1), MAX_SIZES)
    return np.unique(np.round(steps).astype(np.int64))


def _with_every_class(
    train: NDArray[np.bool_], age: Indices, y: Indices, groups: Indices
) -> NDArray[np.bool_]:
    """A class without an example in `train` gives the group that would come next."""
    missing = np.setdiff1d(y, y[train])
    if not len(missing):
        return train
    order = np.lexsort((np.arange(len(y)), age))
    first = order[np.unique(y[order], return_index=True)[1]]
    given = groups[first[np.isin(y[first], missing)]]
    return train | np.isin(groups, given)


def _part(test: Indices, limit: int, rng: np.random.Generator) -> Indices:
    return test if len(test) <= limit else np.sort(rng.choice(test, limit, replace=False))


def measure_curve(
    fit_score: FitScore,
    y: Indices,
    groups: Indices,
    plan: SubsamplePlan,
    *,
    proceed: Callable[[], None] = lambda: None,
) -> Measured | None:
    """Fit and test every subsample; None when none can be tested.

    `proceed` is called before each fit and may raise to stop.
    """
    if not plan.subsamples:
        return None
    classes = int(y.max()) + 1
    hits, tests = np.zeros((plan.sizes, len(y))), np.zeros((plan.sizes, len(y)))
    trained, fits = np.zeros((plan.sizes, classes)), np.zeros(plan.sizes, np.int64)
    for each in plan.subsamples:
        proceed()
        answer = fit_score(each.train, each.test).argmax(axis=1)
        hits[each.size, each.test] += answer == y[each.test]
        tests[each.size, each.test] += 1
        trained[each.size] += np.bincount(y[each.train], minlength=classes)
        fits[each.size] += 1
    done = fits > 0
    right = np.divide(hits, tests, out=np.full_like(hits, np.nan), where=tests > 0)[done]
    mean = trained[done] / fits[done, None]
    return Measured(right, mean, fits[done], y, groups, np.bincount(y, minlength=classes))
