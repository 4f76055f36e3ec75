"""When a model says "I don't know": the threshold that keeps a stated share of known inputs.

The threshold is taken from scores of examples that neither the head nor the subspace had seen. A
subspace of few examples misses much of a new one, so that distances from the subspaces of five
folds are too long; these are measured in more folds where examples are few, which the Gram matrix
makes cheap, and corrected for what is still left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.errors import Internal
from services.common.heads.base import Floats
from services.common.heads.familiarity import Familiarity
from services.common.heads.link import LOGISTIC, SOFTMAX
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import Doubles, FitError, Truth, several
from services.trainer.fitters.familiarity import (
    FIT_ROWS,
    fit_familiarity,
    held_out_distances,
)
from services.trainer.search.examples import Examples, Indices
from services.trainer.search.platt import log_odds

KEPT_SHARE = 0.95
"""Of inputs of known classes, the share that shall not be flagged."""

LEAST_HELD_OUT = 3
"""With fewer held-out examples there is no spread to measure, and nothing is flagged."""

MOST_FOLDS = 20
_FEWEST_FOLDS = 5
_FOLD_ROWS = 2_500  # examples decomposed over all folds


@dataclass(frozen=True)
class Unknown:
    """`familiarity` is calibrated; `measured_kept_share` is None where nothing could be held out.

    `kept_share` is what was aimed at, `measured_kept_share` what the threshold keeps of the
    held-out scores; `count` examples took part.
    """

    familiarity: Familiarity
    kept_share: float
    measured_kept_share: float | None
    count: int


def fit_unknown(
    examples: Examples,
    items: Indices,
    log_proba: Floats,
    *,
    kept_share: float = KEPT_SHARE,
    seed: int = 0,
) -> Unknown:
    """The familiarity of a model, with its threshold. `examples.x` are the features of its head.

    `log_proba` float32 `[r, m, c]` are the calibrated answers to the examples `items` `[m]`,
    ascending, while each was held out, in r repeats; m is 0 where none could be. Raises Internal
    when the embeddings cannot be decomposed.
    """
    rows = _rows(len(examples.y), items, seed)
    features = examples.x[rows]
    try:
        familiarity = fit_familiarity(features)
        distances = _distances(features, examples.y[rows], examples.groups[rows], seed)
    except FitError as cause:
        raise Internal(f"what is unknown could not be told: {cause}") from cause
    _, here, there = np.intersect1d(rows, items, assume_unique=True, return_indices=True)
    measured = np.isfinite(distances[here])
    here, there = here[measured], there[measured]
    if len(here) < LEAST_HELD_OUT:
        return Unknown(familiarity, kept_share, None, 0)
    odds = held_out_odds(log_proba[:, there], several=several(examples.y))
    if several(examples.y) and not examples.y.any(axis=1).all():
        odds = np.zeros_like(odds)  # to bear no label is nothing strange: the distance alone tells
    return _calibrate(familiarity, distances[here], odds, kept_share)


def fit_unknown_by(
    features: Floats, distances: Doubles, log_proba: Floats, *, kept_share: float = KEPT_SHARE
) -> Unknown:
    """As `fit_unknown`, where what an example is turned into was learned from examples, too.

    `features` float32 `[n, d]` are those of all examples. `distances` `[m]` (see
    `distances_beyond`) and the calibrated answers `log_proba` `[r, m, c]` belong to held-out
    examples, whose features nothing was learned from. Raises Internal as `fit_unknown` does.
    """
    try:
        familiarity = fit_familiarity(features)
    except FitError as cause:
        raise Internal(f"what is unknown could not be told: {cause}") from cause
    if len(distances) < LEAST_HELD_OUT:
        return Unknown(familiarity, kept_share, None, 0)
    return _calibrate(familiarity, distances, held_out_odds(log_proba), kept_share)


def distances_beyond(train: Floats, test: Floats, *, seed: int = 0) -> Doubles:
    """About how far each of held-out features `test` `[t, d]` would be from a subspace of all
    examples, told from features `train` `[n, d]` of the others; `[t]`.

    As in `held_out_distances`, the mean distance is taken to grow with 1 / s, s the share of the
    examples that the subspace is of: half of `train` tells by how much. Raises FitError.
    """
    near = fit_familiarity(train).distance(test).astype(np.float64)
    half = np.random.default_rng([seed, 5]).permutation(len(train))[: -(-len(train) // 2)]
    far = fit_familiarity(train[half]).distance(test).astype(np.float64)
    left_out = len(test) / (len(train) + len(test))
    return np.asarray(near - left_out * max(0.0, float((far - near).mean())))


def _rows(n: int, items: Indices, seed: int) -> Indices:
    """The examples that are looked at, ascending: all, or those with answers before others."""
    if n <= FIT_ROWS:
        return np.arange(n)
    rng = np.random.default_rng([seed, 4])
    others = np.setdiff1d(np.arange(n), items, assume_unique=True)
    answered = rng.choice(items, min(len(items), FIT_ROWS), replace=False)
    more = rng.choice(others, min(len(others), FIT_ROWS - len(answered)), replace=False)
    return np.sort(np.concatenate([answered, more]))


def held_out_odds(log_proba: Floats, *, several: bool = False) -> Doubles:
    """The log odds of the best label, `[r, m]` from `[r, m, c]`."""
    flat = log_proba.reshape(-1, log_proba.shape[-1])
    odds = LOGISTIC.odds(log_odds(flat)) if several else SOFTMAX.odds(flat)
    return odds.reshape(log_proba.shape[:2]).astype(np.float64)


def _distances(features: Floats, y: Truth, groups: Indices, seed: int) -> Doubles:
    """The held-out distance of each example, `[n]`, NaN where none can be had."""
    if several(y):  # no class has examples to itself: all count as one
        y = np.zeros(len(y), np.int64)
    folds = int(np.clip(_FOLD_ROWS // len(features), _FEWEST_FOLDS, MOST_FOLDS))
    plan = stratified_folds(y, groups, folds=folds, seed=seed)
    if 2 * len(plan.never_tested) > len(y):  # a few of very many classes: all count as one
        y = np.zeros_like(y)
        plan = stratified_folds(y, groups, folds=folds, seed=seed)
    return held_out_distances(features, y, plan)


def _calibrate(
    familiarity: Familiarity, distances: Doubles, odds: Doubles, kept_share: float
) -> Unknown:
    weighted = familiarity.weighted(
        odds_weight=_weight(odds),
        distance_weight=_weight(distances),
        most_odds=float(np.quantile(odds, kept_share)),
    )
    scores = weighted.combine(odds, distances)
    below = float(np.mean([low_quantile(one, 1 - kept_share) for one in scores]))
    measured = float((scores >= below).mean())
    return Unknown(weighted.flagging(below), kept_share, measured, len(distances))


def _weight(values: Doubles) -> float:
    """One over the spread; 0 for values that are all the same and tell nothing."""
    spread = float(values.std())
    return 1 / spread if spread > 1e-6 * float(np.abs(values).max()) else 0.0


def low_quantile(values: Doubles, share: float) -> float:
    """The value that a new one falls below with probability `share`, from m > 1 exchangeable ones.

    A new value falls below the j-th smallest of m with probability j / (m + 1) (the argument of
    conformal prediction: Vovk, Gammerman and Shafer, 2005); between two of them the value is
    interpolated. Where even the smallest is too likely, the lowest quarter (j values, at least
    two) below the next value u is taken for an exponential tail. With s the sum of their distances
    from u, a new value that is below u is so by more than t with probability (1 + t / s)^-j.
    """
    ordered = np.sort(values)
    m = len(ordered)
    rank = share * (m + 1)
    if rank >= 1:
        return float(np.interp(rank, np.arange(1, m + 1), ordered))
    tail = min(max(2, round(m / 4)), m - 1)
    next_one = ordered[tail]
    total = float((next_one - ordered[:tail]).sum())
    return float(next_one - total * (((tail + 1) / rank) ** (1 / tail) - 1))
