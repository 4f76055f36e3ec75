"""Which candidate is taken, and why: a pure function of the held-out losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Calibration
from services.trainer.fitters.base import Indices, Truth
from services.trainer.search.held_out import HeldOut, Trial
from services.trainer.search.judge import judge_of


@dataclass(frozen=True)
class Scores:
    """What the held-out answers of one candidate, calibrated, are worth.

    `losses` `[m]`: log loss in nats of each item, mean over repeats.
    """

    calibration: Calibration
    losses: NDArray[np.float64]
    log_loss: float
    standard_error: float
    accuracy: float


def score(held_out: HeldOut, y: Truth) -> Scores:
    """The scores of held-out answers to items of classes `y` `[m]`, or that bear labels `[m, c]`.

    The loss is taken after the candidate's own calibration: a strongly regularised head is timid,
    not wrong, and would be thrown out for what one number repairs. (Over 200 draws of 5 to 25
    examples a class from six photo sets, choosing by it was 0.2 points more accurate.)
    """
    judge = judge_of(y)
    calibration = judge.calibration(held_out.log_proba, y)
    answers = judge.calibrated(held_out.log_proba, calibration)
    by_repeat = judge.losses(answers, y)
    return Scores(
        calibration,
        by_repeat.mean(axis=0),
        float(by_repeat.mean()),
        _standard_error(by_repeat, held_out.fold),
        float(judge.right(answers, y).mean()),
    )


def _standard_error(by_repeat: NDArray[np.float64], fold: Indices) -> float:
    """Of the mean, from the spread of fold means; repeats share examples, so they add nothing."""
    number = np.unique(fold, return_inverse=True)[1].ravel()
    means = np.bincount(number, by_repeat.ravel()) / np.bincount(number)
    if len(means) < 2:
        return float("nan")
    return float(means.std(ddof=1) / np.sqrt(len(means) / len(by_repeat)))


def best(scores: Sequence[Scores | None]) -> int:
    """The index of the lowest loss, the first of equals; -1 when nothing has one."""
    losses = [np.inf if found is None else found.log_loss for found in scores]
    return int(np.argmin(losses)) if np.isfinite(losses).any() else -1


def excess(scores: Scores, lowest: Scores) -> tuple[float, float]:
    """How much worse than the lowest, and the standard error of that: taken item by item, so that
    how hard the items are cancels out."""
    gap = scores.losses - lowest.losses
    spread = float(gap.std(ddof=1)) if len(gap) > 1 else 0.0
    return float(gap.mean()), spread / float(np.sqrt(len(gap)))


def optimism(trials: Sequence[Trial], y: Truth) -> float:
    """How much too good the accuracy of the best of these looks, because it is the best.

    For each fold the choice is made anew by the losses on the other folds, and the candidate that
    is chosen answers the fold. What the accuracy loses by that is what was gained by looking
    (Varma and Simon, 2006, whose nested cross-validation this is without the second fitting). The
    trials answer the same items in the same folds; only first repeats are compared.
    """
    answered = [trial.held_out for trial in trials if trial.held_out is not None]
    if len(answered) < 2:
        return 0.0
    fold, judge = answered[0].fold[0], judge_of(y)
    first = [one.log_proba[:1] for one in answered]
    answers = [judge.calibrated(one, judge.calibration(one, y)) for one in first]
    losses = np.stack([judge.losses(one, y)[0] for one in answers])
    right = np.stack([judge.right(one, y)[0] for one in answers])
    honest = np.zeros(len(y), np.bool_)
    for number in np.unique(fold):
        here = fold == number
        honest[here] = right[int(losses[:, ~here].mean(axis=1).argmin())][here]
    return max(0.0, float(right[int(losses.mean(axis=1).argmin())].mean() - honest.mean()))


def reasons(
    trials: Sequence[Trial], scores: Sequence[Scores | None], chosen: int
) -> tuple[str, ...]:
    """Why each candidate was taken or left."""
    lowest = best(scores)
    return tuple(
        _taken(i == lowest) if i == chosen else _left(trial, found, scores[chosen])
        for i, (trial, found) in enumerate(zip(trials, scores, strict=True))
    )


def _taken(lowest: bool) -> str:
    if lowest:
        return "taken: the lowest held-out loss"
    return "taken: its held-out loss is within one standard error of the lowest"


def _left(trial: Trial, scores: Scores | None, chosen: Scores | None) -> str:
    if scores is None or chosen is None:
        return f"failed: {trial.error}"
    gap, error = excess(scores, chosen)
    if abs(gap) <= error:
        return f"left: as good as the one taken ({gap:+.3f} ± {error:.3f})"
    return f"left: its held-out loss is {gap:+.3f} ± {error:.3f} from the one taken"
