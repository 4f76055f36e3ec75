"""When a model says "I don't know": the threshold that keeps a stated share of known inputs.

The threshold is taken from scores of examples that neither the head nor the subspace had seen. A
subspace of few examples misses much of a new one, so that distances from the subspaces of five
folds are too long; these are measured in up to MOST_FOLDS folds, which the Gram matrix makes cheap,
and corrected for what is still left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.errors import Internal
from services.common.heads.base import Floats
from services.common.heads.blocks import Blocks
from services.common.heads.familiarity import Familiarity, log_odds
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import Doubles, FitError
from services.trainer.fitters.familiarity import fit_familiarity, fit_rows, held_out_distances
from services.trainer.search.examples import Examples, Indices

KEPT_SHARE = 0.95
"""Of inputs of known classes, the share that shall not be flagged."""

LEAST_HELD_OUT = 3
"""With fewer held-out examples there is no spread to measure, and nothing is flagged."""

MOST_FOLDS = 100
_FEWEST_FOLDS = 5
_FOLD_ROWS = 5_000  # examples decomposed over all folds


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
    blocks: Blocks,
    items: Indices,
    log_proba: Floats,
    *,
    kept_share: float = KEPT_SHARE,
    seed: int = 0,
) -> Unknown:
    """The familiarity of a model over features `blocks`, with its threshold.

    `log_proba` float32 `[r, m, c]` are the calibrated answers to the examples `items` `[m]`,
    ascending, while each was held out, in r repeats; m is 0 where none could be. Raises Internal
    when the embeddings cannot be decomposed.
    """
    rows = fit_rows(len(examples.y), seed)
    features = blocks.features(examples.x[rows])
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
    odds = held_out_odds(log_proba[:, there])
    return _calibrate(familiarity, distances[here], odds, kept_share)


def held_out_odds(log_proba: Floats) -> Doubles:
    """The log odds of the best label, `[r, m]` from `[r, m, c]`."""
    flat = log_odds(log_proba.reshape(-1, log_proba.shape[-1]))
    return flat.reshape(log_proba.shape[:2]).astype(np.float64)


def _distances(features: Floats, y: Indices, groups: Indices, seed: int) -> Doubles:
    """The held-out distance of each example, `[n]`, NaN where none can be had."""
    folds = int(np.clip(_FOLD_ROWS // len(features), _FEWEST_FOLDS, MOST_FOLDS))
    plan = stratified_folds(y, groups, folds=folds, seed=seed)
    if 2 * len(plan.never_tested) > len(y):  # a few of very many classes: all count as one
        y = np.zeros_like(y)
        plan = stratified_folds(y, groups, folds=folds, seed=seed)
    return held_out_distances(features, y, plan)


def _calibrate(
    familiarity: Familiarity, distances: Doubles, odds: Doubles, kept_share: float
) -> Unknown:
    odds_weight, distance_weight = _weight(odds), _weight(distances)
    scores = odds_weight * odds - distance_weight * distances
    below = float(np.mean([low_quantile(one, 1 - kept_share) for one in scores]))
    measured = float((scores >= below).mean())
    calibrated = familiarity.calibrated(
        odds_weight=odds_weight, distance_weight=distance_weight, below=below
    )
    return Unknown(calibrated, kept_share, measured, len(distances))


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
