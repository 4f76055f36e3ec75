"""How good held-out answers of several labels an item are. Pure: log probabilities in, numbers out.

An item counts as right only when all of its labels are answered and no other (subset accuracy): it
is the harshest measure and the one that needs no explanation. Beside it stand F1 over all answers
together (micro) and its mean over the labels (macro), and each label's own shares.

Answers come from thresholds that were chosen on other folds: one chosen by an answer flatters it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from services.common.heads.base import Floats
from services.trainer.evaluate.intervals import Interval, cross_validated_accuracy
from services.trainer.evaluate.metrics import (
    MAX_MISTAKES,
    MAX_PAIRS,
    ClassNumbers,
    Pair,
    Share,
    calibration_error,
    class_numbers,
    numbered,
    typical,
)
from services.trainer.search.judge import SEVERAL_LABELS
from services.trainer.search.thresholds import cross_fitted

Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Mistake:
    """Item `item` (an index of the caller's) bears the labels `truth` and was answered `answer`,
    both ascending indices. `score`: how sure it was of the label that it got most wrong."""

    item: int
    truth: tuple[int, ...]
    answer: tuple[int, ...]
    score: float


@dataclass(frozen=True)
class SeveralNumbers:
    """Everything that is counted. `accuracy` and `share_right` are of whole items.

    `different` of the `count` items remain when those that are nearly the same count once;
    `average_precision` has a number for each label, None where no item bears it. `pairs`: the label
    `truth` was missed where `answer` was wrongly given.
    """

    count: int
    different: int
    accuracy: Interval
    share_right: float
    train_share: float
    macro_f1: float
    micro_f1: float
    log_loss: float
    expected_calibration_error: float
    per_class: tuple[ClassNumbers, ...]
    average_precision: tuple[float | None, ...]
    pairs: tuple[Pair, ...]
    mistakes: tuple[Mistake, ...]


def measure_several(
    log_proba: Floats,
    borne: Bools,
    fold: Indices,
    labels: Sequence[str],
    *,
    items: Indices,
    groups: Indices | None = None,
    train_share: float,
    optimism: float = 0.0,
) -> SeveralNumbers:
    """The numbers for calibrated held-out log probabilities `[r, m, c]` of m > 0 items that bear
    labels `[m, c]`, held out by folds `[r, m]`; the rest as in `metrics.measure`."""
    proba, unit = np.exp(log_proba), numbered(groups, len(borne))
    answers = cross_fitted(proba, borne, fold)
    right = (answers == borne).all(axis=2)
    shown = typical(right)
    per_class = _per_class(answers[shown], borne, labels, unit)
    scored = [found.f1 for found in per_class if found.f1 is not None]
    hit, given = (answers[shown] & borne).sum(), answers[shown].sum() + borne.sum()
    truth = np.broadcast_to(borne, proba.shape)
    return SeveralNumbers(
        count=len(borne),
        different=int(unit.max()) + 1,
        accuracy=cross_validated_accuracy(
            right, train_share, unit, optimism=optimism, of_several=True
        ),
        share_right=float(right.mean()),
        train_share=train_share,
        macro_f1=float(np.mean(scored)) if scored else 0.0,
        micro_f1=float(2 * hit / given) if given else 0.0,
        log_loss=float(SEVERAL_LABELS.losses(log_proba, borne).mean()),
        expected_calibration_error=calibration_error(proba.ravel(), truth.ravel()),
        per_class=per_class,
        average_precision=_average_precision(proba[shown], borne),
        pairs=_pairs(answers[shown], borne),
        mistakes=_mistakes(proba[shown], answers[shown], borne, items),
    )


def _per_class(
    answers: Bools, borne: Bools, labels: Sequence[str], unit: Indices
) -> tuple[ClassNumbers, ...]:
    own, called = (_share(some, unit) for some in (borne, answers))
    hit = (answers & borne).sum(axis=0)
    return tuple(class_numbers(labels, i, own, called, int(hit[i])) for i in range(len(labels)))


def _share(given: Bools, unit: Indices) -> Share:
    items, label = np.nonzero(given)
    return Share.of(label, unit[items], np.bincount(unit), given.shape[1])


def _average_precision(proba: Floats, borne: Bools) -> tuple[float | None, ...]:
    return tuple(
        float(average_precision_score(truth, score)) if truth.any() else None
        for truth, score in zip(borne.T, proba.T, strict=True)
    )


def _pairs(answers: Bools, borne: Bools) -> tuple[Pair, ...]:
    """What was given in the place of what, most often first; equals in the order of the labels."""
    missed, added = borne & ~answers, answers & ~borne
    found: Counter[tuple[int, int]] = Counter()
    for item in np.flatnonzero(missed.any(axis=1) & added.any(axis=1)):
        found.update(product(_which(missed[item]), _which(added[item])))
    order = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))[:MAX_PAIRS]
    bearers = borne.sum(axis=0)
    return tuple(
        Pair(truth, answer, count, count / int(bearers[truth])) for (truth, answer), count in order
    )


def _mistakes(proba: Floats, answers: Bools, borne: Bools, items: Indices) -> tuple[Mistake, ...]:
    """The wrong answers, most confident first."""
    wrong = answers != borne
    surest = np.where(wrong, np.where(answers, proba, 1 - proba), 0.0).max(axis=1)
    at = np.flatnonzero(wrong.any(axis=1))
    order = at[np.argsort(-surest[at], kind="stable")][:MAX_MISTAKES]
    return tuple(
        Mistake(int(items[i]), _which(borne[i]), _which(answers[i]), float(surest[i]))
        for i in order
    )


def _which(given: Bools) -> tuple[int, ...]:
    return tuple(int(label) for label in np.flatnonzero(given))
