"""What simpler means reach on the same held-out examples. Pure, given its seed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from services.common.heads.base import Floats, l2_normalise
from services.trainer.data.split import Fold, SplitPlan
from services.trainer.evaluate.neighbours import Indices, nearest

# Of each baseline. At 10 classes of 25 examples with 1,696 features all of them together took
# 0.9 s of one core.
MAX_SECONDS = 3.0
# Half of scikit-learn's default, which would take twice the time and be somewhat better.
TREES = 50
# Rough costs for the estimate, measured on one core.
_PRODUCTS_PER_S = 1e10
_STEPS = 100  # the limit of scikit-learn's logistic regression
# Up to so many rows the decomposition costs less than the features that it saves.
_MAX_ROTATED = 1_000


@dataclass(frozen=True)
class Baseline:
    """`accuracy` on held-out examples; None when it was left out. `gain`: what the model has above
    it on the same examples, as a share; 0 when it was left out. `sentence`: what that says."""

    name: str
    accuracy: float | None
    gain: float
    sentence: str


@dataclass(frozen=True)
class _Means:
    """One simple means. `answer(x, y, fold)` gives classes for `fold.test`; `estimate_s` of one
    fold of n examples in training, d features and c classes."""

    name: str
    words: str
    answer: Callable[[Floats, Indices, Fold], Indices]
    estimate_s: Callable[[int, int, int], float]


def baselines(
    x: Floats,
    y: Indices,
    plan: SplitPlan,
    items: Indices,
    right: NDArray[np.bool_],
    *,
    seed: int,
    left_s: Callable[[], float] = lambda: math.inf,
) -> tuple[Baseline, ...]:
    """Majority class, nearest neighbour, random forest and logistic regression beside the model.

    `x` float32 `[n, d]`, `y` `[n]`; `items` `[m]`, ascending, are the examples on which the model
    was measured while held out in the first repeat of `plan`, `right` `[m]` whether it was right.
    As many folds of that repeat are answered as MAX_SECONDS, or the seconds that `left_s` tells,
    allow; none where a single one would take longer. Nothing where nothing was held out.
    """
    folds = [fold for fold in plan.folds if fold.repeat == 0]
    if not folds or not len(items):
        return ()
    return tuple(_compare(means, x, y, folds, items, right, left_s) for means in _all(x, seed))


def _all(x: Floats, seed: int) -> tuple[_Means, ...]:
    rows = _rotated(x)
    return (
        _Means("majority class", "Always answering the most common class", _majority, _nothing_s),
        _Means("nearest neighbour", "Answering as the most similar example", _neighbour, _pairs_s),
        _Means("random forest", f"A random forest of {TREES} trees", _forest(seed), _forest_s),
        _Means(
            "logistic regression",
            "Logistic regression with default settings",
            lambda x, y, fold: _logistic(x if rows is None else rows, y, fold),
            _logistic_s,
        ),
    )


def _compare(
    means: _Means,
    x: Floats,
    y: Indices,
    folds: list[Fold],
    items: Indices,
    right: NDArray[np.bool_],
    left_s: Callable[[], float],
) -> Baseline:
    classes = int(y.max()) + 1
    one_s = means.estimate_s(len(folds[0].train), x.shape[1], classes)
    limit = min(MAX_SECONDS, left_s())
    affordable = [fold for at, fold in enumerate(folds, 1) if at * one_s <= limit]
    theirs, ours = [], []
    for fold in affordable:
        if left_s() <= 0:
            break
        shown = np.isin(fold.test, items)
        answers = means.answer(x, y, fold)
        theirs.append((answers == y[fold.test])[shown])
        ours.append(right[np.searchsorted(items, fold.test[shown])])
    if not ours:
        reason = (
            f"{means.words} was left out: it would take about {one_s:,.1f} s a fold, the limit is "
            f"{max(limit, 0):,.1f} s. The others stand for it."
        )
        return Baseline(means.name, None, 0.0, reason)
    return _verdict(means, np.concatenate(ours), np.concatenate(theirs))


def _majority(x: Floats, y: Indices, fold: Fold) -> Indices:
    return np.full(len(fold.test), np.bincount(y[fold.train]).argmax())


def _nothing_s(rows: int, dim: int, classes: int) -> float:
    return 0.0


def _neighbour(x: Floats, y: Indices, fold: Fold) -> Indices:
    unit = l2_normalise(np.concatenate([x[fold.test], x[fold.train]]))
    queries = np.arange(len(fold.test))
    references = np.arange(len(fold.test), len(unit))
    near, _ = nearest(unit, np.arange(len(unit)), queries, references, 1)
    return y[fold.train][near[:, 0] - len(fold.test)]


def _pairs_s(rows: int, dim: int, classes: int) -> float:
    return rows * rows / 4 * dim / _PRODUCTS_PER_S


def _forest(seed: int) -> Callable[[Floats, Indices, Fold], Indices]:
    def answer(x: Floats, y: Indices, fold: Fold) -> Indices:
        trees = RandomForestClassifier(n_estimators=TREES, random_state=seed % 2**32)
        return np.asarray(trees.fit(x[fold.train], y[fold.train]).predict(x[fold.test]))

    return answer


def _forest_s(rows: int, dim: int, classes: int) -> float:
    """Each tree sorts the root of `dim` features at every level; gains are summed over classes."""
    features = TREES * rows * float(np.log2(max(rows, 2)) * np.sqrt(dim))
    return features * (20 + 5 * classes) * 1e-9


def _rotated(x: Floats) -> NDArray[np.float64] | None:
    """The coordinates of the centred rows in their own span where that is smaller: the penalty
    and the free intercept of a logistic regression cannot tell them from the features."""
    rows, dim = x.shape
    if rows >= min(dim, _MAX_ROTATED):
        return None
    z = (x - x.mean(axis=0, dtype=np.float64)).astype(np.float64)
    values, vectors = np.linalg.eigh(z @ z.T)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _logistic(x: NDArray[np.float64] | Floats, y: Indices, fold: Fold) -> Indices:
    with warnings.catch_warnings():
        # Stopping at the default number of steps is part of the default settings.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression().fit(x[fold.train], y[fold.train])
    return np.asarray(model.predict(x[fold.test]))


def _logistic_s(rows: int, dim: int, classes: int) -> float:
    return _STEPS * 4.0 * rows * min(rows, dim) * classes / _PRODUCTS_PER_S


def _verdict(means: _Means, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Baseline:
    """The margin is that of paired answers, half an example added to each kind of disagreement
    (Agresti and Min, 2005, "Simple improved confidence intervals for comparing matched
    proportions"), in 95 of 100 cases."""
    better, worse = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    count = len(ours)
    gain = (better - worse) / count
    spread = better + worse + 1 - (better - worse) ** 2 / (count + 2)
    margin = 1.96 * float(np.sqrt(spread)) / (count + 2)
    accuracy = float(theirs.mean())
    points = f"{100 * abs(gain):.1f} points (± {100 * margin:.1f})"
    told = f"{means.words} is right in {100 * accuracy:.0f}% of {count:,} cases"
    if gain > margin:
        return Baseline(means.name, accuracy, gain, f"{told}; the model is {points} better.")
    if gain < -margin:
        advice = "train with a longer budget or another backbone, and compare again"
        lost = f"{told}: {points} better than the model; {advice}."
        return Baseline(means.name, accuracy, gain, lost)
    sign = "more" if gain >= 0 else "less"
    return Baseline(
        means.name,
        accuracy,
        gain,
        f"{told}; the model has {points} {sign}, which may be chance: more examples will help more "
        "than another method.",
    )
