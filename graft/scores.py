"""Measures of a classifier on labelled examples; pure functions of NumPy arrays.

Throughout, n is the number of examples and k the number of labels; `truth` and `answer` are [n]
whole numbers in [0, k); probabilities are natural and logarithms too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ECE_BINS: Final = 15
Z_95: Final = 1.959963984540054
"""The point of the standard normal distribution that leaves 2.5% on either side."""

SMALLEST_PROBABILITY: Final = 1e-7
"""What a probability of zero counts as in the log loss: about what float32 can tell from one."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class; `precision` is None when nothing was called it, `recall` when nothing is it."""

    precision: float | None
    recall: float | None
    f1: float
    count: int


def accuracy(truth: Indices, answer: Indices) -> float:
    """The share answered right; n > 0."""
    return float(np.mean(truth == answer))


def wilson_interval(right: float, count: float) -> tuple[float, float]:
    """The 95% range of a share of `right` in `count` > 0 (Wilson's score interval); what is a mean
    of shares, or counts alike ones together, may be no whole number.

    The p with (share - p)^2 = z^2 p (1 - p) / n:
    (share + z^2/2n -+ z sqrt(share (1 - share)/n + z^2/4n^2)) / (1 + z^2/n).
    """
    share, squared = right / count, Z_95 * Z_95
    middle = share + squared / (2 * count)
    width = Z_95 * math.sqrt(share * (1 - share) / count + squared / (4 * count * count))
    scale = 1 + squared / count
    # Rounding must not push an end past the share itself, where p is 0 or 1.
    return min(share, (middle - width) / scale), max(share, (middle + width) / scale)


def class_scores(truth: Indices, answer: Indices, labels: int) -> list[ClassScore]:
    """Score each class on its own."""
    right = np.bincount(truth[truth == answer], minlength=labels)
    are = np.bincount(truth, minlength=labels)
    called = np.bincount(answer, minlength=labels)
    return [class_score(*counts) for counts in zip(right, called, are, strict=True)]


def class_score(right: int, called: int, are: int) -> ClassScore:
    """Score a class of `are` examples; `called` were called it, `right` of them rightly."""
    return ClassScore(
        precision=float(right / called) if called else None,
        recall=float(right / are) if are else None,
        # 2 P R / (P + R) = 2 right / (called + are), which also holds where P or R is 0/0
        f1=float(2 * right / (called + are)) if called + are else 0.0,
        count=int(are),
    )


def label_scores(truth: Bools, answer: Bools) -> list[ClassScore]:
    """Score each label on its own where an item may have several, both bool [n, k]."""
    right, are, called = ((x).sum(axis=0) for x in (truth & answer, truth, answer))
    return [class_score(*counts) for counts in zip(right, called, are, strict=True)]


def micro_f1(truth: Bools, answer: Bools) -> float:
    """F1 over all labels of all items together, bool [n, k]; 0 where there are none."""
    called = int(truth.sum() + answer.sum())
    return 2 * int((truth & answer).sum()) / called if called else 0.0


def macro_f1(scores: list[ClassScore]) -> float:
    """The mean F1 over the classes that occur among the examples; 0 where none does."""
    found = [score.f1 for score in scores if score.count]
    return float(np.mean(found)) if found else 0.0


def log_loss(probability_of_truth: Floats) -> float:
    """The mean negative log probability of the truth, in nats; n > 0."""
    return float(-np.mean(np.log(np.clip(probability_of_truth, SMALLEST_PROBABILITY, 1.0))))


def expected_calibration_error(confidence: Floats, right: npt.NDArray[Any]) -> float:
    """How far confidence and success part, over equal bins (l, r] of confidence; n > 0.

    sum over bins of |bin| / n * | mean(right) - mean(confidence) |
    """
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    gaps = np.bincount(bins, weights=right.astype(np.float64) - confidence, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(confidence))
