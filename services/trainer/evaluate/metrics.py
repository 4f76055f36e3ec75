"""How good held-out answers are, class by class. Pure: log probabilities in, numbers out.

Where the same examples were held out several times, shares such as the accuracy are means over the
repeats. Whatever counts examples (confusions, precision, recall, mistakes) must count each once,
and is taken from the one repeat whose accuracy is nearest to the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats
from services.trainer.evaluate.intervals import (
    Interval,
    cross_validated_accuracy,
    effective_trials,
    wilson,
)

Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

BINS = 15
MAX_MISTAKES = 200
MAX_PAIRS = 50
# Above this the square of counts would be larger than all the rest of the report.
MAX_CONFUSION_CLASSES = 200


@dataclass(frozen=True)
class ClassNumbers:
    """One class; an interval is None where it would divide by nothing."""

    label: str
    count: int
    precision: Interval | None
    recall: Interval | None
    false_positive_rate: Interval | None
    false_negative_rate: Interval | None
    f1: float | None


@dataclass(frozen=True)
class Mistake:
    """Item `item` (an index of the caller's) of class `truth` was called `answer`."""

    item: int
    truth: int
    answer: int
    score: float


@dataclass(frozen=True)
class Pair:
    """`count` examples of class `truth`, a share `share` of them, were called `answer`."""

    truth: int
    answer: int
    count: int
    share: float


@dataclass(frozen=True)
class Numbers:
    """Everything that is counted. `different` of the `count` items remain where those that are
    nearly the same count once. `confusion` int64 `[c, c]`, rows the truth; None above
    MAX_CONFUSION_CLASSES. `train_share` is 1 for answers to a test set."""

    count: int
    different: int
    accuracy: Interval
    share_right: float
    train_share: float
    macro_f1: float
    log_loss: float
    expected_calibration_error: float
    per_class: tuple[ClassNumbers, ...]
    confusion: Indices | None
    pairs: tuple[Pair, ...]
    mistakes: tuple[Mistake, ...]


def measure(
    log_proba: Floats,
    y: Indices,
    labels: Sequence[str],
    *,
    items: Indices | None = None,
    groups: Indices | None = None,
    train_share: float = 1.0,
    optimism: float = 0.0,
) -> Numbers:
    """The numbers for log probabilities `[r, m, c]` of m > 0 items of classes `y` `[m]`.

    `items` `[m]` names the items in `Numbers.mistakes` (0 to m - 1 by default); those that are
    nearly the same share a group `[m]` (each its own by default). `optimism`: by how much the share
    right looks too good for having been chosen.
    """
    unit = numbered(groups, len(y))
    answers = log_proba.argmax(axis=2)
    right = answers == y
    shown = typical(right)
    answer, score = answers[shown], np.exp(log_proba[shown].max(axis=1))
    per_class = _per_class(answer, y, labels, unit)
    scored = [found.f1 for found in per_class if found.f1 is not None]
    top = np.exp(log_proba.max(axis=2))
    return Numbers(
        count=len(y),
        different=int(unit.max()) + 1,
        accuracy=_accuracy(right, train_share, unit, optimism),
        share_right=float(right.mean()),
        train_share=train_share,
        macro_f1=float(np.mean(scored)),
        log_loss=float(-log_proba[:, np.arange(len(y)), y].mean(dtype=np.float64)),
        expected_calibration_error=calibration_error(top.ravel(), right.ravel()),
        per_class=per_class,
        confusion=_confusion(answer, y, len(labels)),
        pairs=_pairs(answer, y, len(labels)),
        mistakes=_mistakes(answer, y, score, np.arange(len(y)) if items is None else items),
    )


def numbered(groups: Indices | None, count: int) -> Indices:
    """The groups `[count]` by numbers from 0 without a gap; each item its own where there are
    none."""
    if groups is None:
        return np.arange(count)
    return np.unique(groups, return_inverse=True)[1].reshape(-1)


def _accuracy(right: Bools, train_share: float, unit: Indices, optimism: float) -> Interval:
    """Items of a test set train nothing, so that its groups are independent trials."""
    found = wilson(float(right.mean()) * right.shape[1], right.shape[1], effective_trials(unit))
    if train_share == 1 and found:
        return found
    return cross_validated_accuracy(right, train_share, unit, optimism=optimism)


def typical(right: NDArray[np.bool_]) -> int:
    """The repeat of `[r, m]` whose share right is nearest to the mean: it stands for all."""
    by_repeat = right.mean(axis=1)
    return int(np.argmin(np.abs(by_repeat - by_repeat.mean())))


def _per_class(
    answer: Indices, y: Indices, labels: Sequence[str], unit: Indices
) -> tuple[ClassNumbers, ...]:
    c, sizes = len(labels), np.bincount(unit)
    own, called = Share.of(y, unit, sizes, c), Share.of(answer, unit, sizes, c)
    hit = np.bincount(y[answer == y], minlength=c)
    return tuple(class_numbers(labels, i, own, called, int(hit[i])) for i in range(c))


@dataclass(frozen=True)
class Share:
    """How many of `total` items are of each label, `[c]`, and as how many independent trials these
    and those of no such label count at least (see intervals)."""

    total: int
    count: Indices
    independent: Doubles
    independent_others: Doubles

    @classmethod
    def of(cls, label: Indices, unit: Indices, sizes: Indices, labels: int) -> Self:
        """Of the `label` `[k]` of some items, or several of each, whose groups are `unit` `[k]`;
        `sizes` are those of all groups."""
        kinds, count = np.unique(label * len(sizes) + unit, return_counts=True)
        group, owner = sizes[kinds % len(sizes)], kinds // len(sizes)
        own = np.bincount(owner, count, labels)
        squares = np.bincount(owner, count**2, labels)
        # sum of (size - own part)^2 over groups
        others = sizes @ sizes - 2 * np.bincount(owner, count * group, labels) + squares
        total = int(sizes.sum())
        return cls(
            total,
            own.astype(np.int64),
            own**2 / np.maximum(squares, 1),
            (total - own) ** 2 / np.maximum(others, 1),
        )


def class_numbers(
    labels: Sequence[str], number: int, own: Share, called: Share, hit: int
) -> ClassNumbers:
    """One class: the items that are its `own`, those that were `called` it, and how many both."""
    truth, answered = int(own.count[number]), int(called.count[number])
    trials, others = float(own.independent[number]), float(own.independent_others[number])
    return ClassNumbers(
        labels[number],
        truth,
        precision=wilson(hit, answered, float(called.independent[number])),
        recall=wilson(hit, truth, trials),
        false_positive_rate=wilson(answered - hit, own.total - truth, others),
        false_negative_rate=wilson(truth - hit, truth, trials),
        f1=2 * hit / (truth + answered) if truth else None,
    )


def calibration_error(score: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error of top scores over 15 equal bins (Naeini et al., 2015): the mean
    distance of a bin's share right from its mean score, weighted by its size."""
    at = np.minimum((score * BINS).astype(np.int64), BINS - 1)
    promised = np.bincount(at, score.astype(np.float64), minlength=BINS)
    kept = np.bincount(at, right.astype(np.float64), minlength=BINS)
    return float(np.abs(promised - kept).sum() / len(score))


def _confusion(answer: Indices, y: Indices, c: int) -> Indices | None:
    if c > MAX_CONFUSION_CLASSES:
        return None
    return np.bincount(y * c + answer, minlength=c * c).reshape(c, c)


def _pairs(answer: Indices, y: Indices, c: int) -> tuple[Pair, ...]:
    """The most frequent confusions first; equals in the order of the labels."""
    wrong = answer != y
    code, count = np.unique(y[wrong] * c + answer[wrong], return_counts=True)
    order = np.argsort(-count, kind="stable")[:MAX_PAIRS]
    of_class = np.bincount(y, minlength=c)
    return tuple(
        Pair(int(truth), int(called), int(n), float(n / of_class[truth]))
        for truth, called, n in zip(*divmod(code[order], c), count[order], strict=True)
    )


def _mistakes(answer: Indices, y: Indices, score: Floats, items: Indices) -> tuple[Mistake, ...]:
    """The wrong answers, most confident first."""
    wrong = np.flatnonzero(answer != y)
    order = wrong[np.argsort(-score[wrong], kind="stable")][:MAX_MISTAKES]
    return tuple(Mistake(int(items[i]), int(y[i]), int(answer[i]), float(score[i])) for i in order)
