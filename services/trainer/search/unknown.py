"""When a model says "I don't know": the threshold that keeps a stated share of known inputs.

The threshold is taken from scores of examples that neither the head nor the subspace had seen. A
subspace of few examples misses much of a new one, so that distances from the subspaces of five
folds are too long; these are measured in up to MOST_FOLDS folds, nearly leave-one-out, which the
Gram matrix makes cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.errors import Internal
from services.common.heads.base import Floats
from services.common.heads.familiarity import Familiarity, log_odds
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import Doubles, FitError
from services.trainer.fitters.familiarity import fit_familiarity, fit_rows, held_out_distances
from services.trainer.search.examples import Examples, Indices
from services.trainer.search.held_out import HeldOut

KEPT_SHARE = 0.95
"""Of inputs of known classes, the share that shall not be flagged."""

LEAST_HELD_OUT = 3
"""With fewer held-out examples there is no spread to measure, and nothing is flagged."""

MOST_FOLDS = 20
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
    examples: Examples, held_out: HeldOut | None, *, kept_share: float = KEPT_SHARE, seed: int = 0
) -> Unknown:
    """The familiarity of a model with its threshold.

    `examples.x` are embeddings as the head takes them, blocks divided by their lengths; `held_out`
    the calibrated held-out answers of the chosen head. Raises Internal when the embeddings cannot
    be decomposed.
    """
    try:
        familiarity = fit_familiarity(examples.x, seed=seed)
        rows, distances = _distances(examples, seed)
    except FitError as cause:
        raise Internal(f"what is unknown could not be told: {cause}") from cause
    if held_out is None:
        return Unknown(familiarity, kept_share, None, 0)
    _, here, there = np.intersect1d(rows, held_out.items, assume_unique=True, return_indices=True)
    measured = np.isfinite(distances[here])
    here, there = here[measured], there[measured]
    if len(here) < LEAST_HELD_OUT:
        return Unknown(familiarity, kept_share, None, 0)
    odds = held_out_odds(held_out.log_proba[:, there])
    return _calibrate(familiarity, distances[here], odds, kept_share)


def held_out_odds(log_proba: Floats) -> Doubles:
    """The log odds of the best label, `[r, m]` from `[r, m, c]`."""
    flat = log_odds(log_proba.reshape(-1, log_proba.shape[-1]))
    return flat.reshape(log_proba.shape[:2]).astype(np.float64)


def _distances(examples: Examples, seed: int) -> tuple[Indices, Doubles]:
    """Held-out distances of the examples that the subspace is fitted to, and which they are.

    Folds need not be stratified: distances know no classes.
    """
    rows = fit_rows(len(examples.y), seed)
    folds = int(np.clip(_FOLD_ROWS // len(rows), _FEWEST_FOLDS, MOST_FOLDS))
    one_class = np.zeros(len(rows), np.int64)
    plan = stratified_folds(one_class, examples.groups[rows], folds=folds, seed=seed)
    return rows, held_out_distances(examples.x[rows], plan)


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
    interpolated. Where even the smallest is too likely, the tail below it is taken for
    exponential: its scale is the mean excess of the lowest quarter, at least two values.
    """
    ordered = np.sort(values)
    m = len(ordered)
    rank = share * (m + 1)
    if rank >= 1:
        return float(np.interp(rank, np.arange(1, m + 1), ordered))
    tail = min(max(2, round(m / 4)), m - 1)
    scale = float(ordered[tail] - ordered[:tail].mean())
    return float(ordered[0] + scale * np.log(rank))
