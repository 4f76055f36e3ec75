"""What heads compute with: softmax, logistic function, lengths, checks of arrays. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataLoss, InvalidArgument

Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]
F = TypeVar("F", np.float32, np.float64)

TEMPERATURE = "temperature"
OFFSET = "offset"
THRESHOLDS = "thresholds"


@dataclass(frozen=True)
class Calibration:
    """What is fitted on held-out answers once the weights stand: `temperature` divides the logits
    (1 leaves them).

    `thresholds` float32 `[c]`, each from 0 to 1, make a head of several labels of it: the label of
    each class is answered by itself, where its probability, the logistic function of its logit,
    reaches the threshold. `offset` is added to the divided logits then (Platt, 1999: slope and
    offset). Without thresholds an item has one label.
    """

    temperature: float = 1.0
    offset: float = 0.0
    thresholds: Floats | None = None

    def to_arrays(self) -> Arrays:
        """Everything that shapes an answer, by name; the inverse is `from_arrays`."""
        found: Arrays = {TEMPERATURE: np.array([self.temperature], np.float32)}
        if self.thresholds is not None:
            found |= {OFFSET: np.array([self.offset], np.float32), THRESHOLDS: self.thresholds}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], classes: int) -> Self:
        """The calibration of a head of so many classes; DataLoss when the arrays do not fit."""
        temperature = float(take(arrays, TEMPERATURE, 1)[0])
        if temperature <= 0:
            raise DataLoss(f"the temperature of a head must be above 0; got {temperature}")
        if THRESHOLDS not in arrays and OFFSET not in arrays:
            return cls(temperature)
        thresholds = take(arrays, THRESHOLDS, classes)
        if (thresholds < 0).any() or (thresholds > 1).any():
            raise DataLoss(
                "the thresholds of a head must lie between 0 and 1; train again; got values from "
                f"{thresholds.min()} to {thresholds.max()}"
            )
        return cls(temperature, float(take(arrays, OFFSET, 1)[0]), thresholds)


@dataclass(frozen=True)
class Answers:
    """What a head says about n vectors, in their order."""

    proba: Floats  # [n, c], rows sum to 1 where an item has one label
    best: NDArray[np.int64]  # [n], the index of the most probable label; the first of equals
    score: Floats  # [n], its probability
    unknown: NDArray[np.bool_]  # [n], whether the input is unlike what the head was fitted on
    borne: NDArray[np.bool_] | None = None  # [n, c], the labels of a head of several


def check_shape(x: Floats, dim: int) -> None:
    """Raises InvalidArgument unless `x` is float32 `[n, dim]`."""
    if x.ndim != 2 or x.shape[1] != dim or x.dtype != np.float32:
        raise InvalidArgument(
            f"a head over {dim} features takes a float32 array [n, {dim}]; embed with the backbone "
            f"and endpoints that the model names; got {x.dtype} {list(x.shape)}"
        )


def check_finite(x: Floats, logits: Floats) -> None:
    """Raises InvalidArgument when a row of `logits` is not finite, so neither was that of `x`.

    Looking at the few logits instead of the many features costs next to nothing.
    """
    good = np.isfinite(logits).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise InvalidArgument(
            "embeddings must be finite numbers of ordinary size; check the input or the backbone; "
            f"got {_describe(x[row])} in row {row} of {len(x)}",
            metadata={"row": str(row)},
        )


def _describe(vector: Floats) -> str:
    bad = vector[~np.isfinite(vector)]
    return str(bad[0]) if len(bad) else f"values up to {np.abs(vector).max()}"


def softmax(logits: NDArray[F]) -> NDArray[F]:
    """Probabilities of logits `[n, c]`, row by row; no overflow whatever the sign."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def log_softmax(logits: NDArray[F]) -> NDArray[F]:
    """Log probabilities of logits `[n, c]`, row by row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def log_sigmoid(logits: NDArray[F]) -> NDArray[F]:
    """Log of the logistic function, element by element; exact in both tails."""
    least = np.minimum(logits, logits.dtype.type(0))
    return np.asarray(least - np.log1p(np.exp(-np.abs(logits))))


def l2_normalise(x: Floats) -> Floats:
    """Each row of `[n, d]` divided by its length; a row of zeros stays as it is.

    A row too long for float32 becomes NaN, never zeros: an answer to it would mean nothing.
    """
    length = np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
    length = np.where(length > 0, length, np.float32(1))
    return np.asarray(x / np.where(np.isfinite(length), length, np.float32(np.nan)))


def take(arrays: Mapping[str, NDArray[Any]], name: str, *shape: int) -> Floats:
    """The float32 array `name` of this shape (-1: any length); raises DataLoss otherwise."""
    array = arrays.get(name)
    if array is None:
        raise DataLoss(f"a head needs the array {name!r}; train again; got {sorted(arrays)}")
    if array.dtype != np.float32 or not _fits(array.shape, shape):
        wanted = ["any" if n < 0 else n for n in shape]
        raise DataLoss(
            f"the array {name!r} of a head must be float32 {wanted}; "
            f"got {array.dtype} {list(array.shape)}"
        )
    if not np.isfinite(array).all():
        raise DataLoss(f"the array {name!r} of a head must be finite; train again; got NaN or inf")
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        w in (-1, n) for n, w in zip(shape, wanted, strict=True)
    )
