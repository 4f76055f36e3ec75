"""Whether an input is like anything that a head was fitted on: the "I don't know" of a model.

Two questions with two failures of their own are asked and their answers added, each in units of
its spread over held-out examples:

- Is it near the examples at all? What is left of the embedding, seen from the mean of the examples,
  when their main directions are taken away: the squared distance from their principal subspace (the
  low-rank form of a Mahalanobis distance; "virtual logit", Wang et al., 2022, "ViM"). A picture of
  something else altogether lies far outside, however sure the head is of it.
- Is it clearly one of the classes? The log odds of the most probable label (Hendrycks and Gimpel,
  2017). A class that the head never saw often lies between those that it did. Odds above a bound
  count as the bound: a head can be surer of nonsense than it ever was of an example.

NumPy only. The directions are kept as 8-bit integers, since a head should stay small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataLoss
from services.common.heads.base import Arrays, Floats, take

CENTRE = "familiarity_centre"
DIRECTIONS = "familiarity_directions"
MIX = "familiarity_mix"
WEIGHT = "familiarity_weight"
BELOW = "familiarity_below"

NEVER = float(np.finfo(np.float32).min)
"""The threshold that flags nothing but what is not finite."""

UNBOUNDED = float(np.finfo(np.float32).max)
"""The bound on the log odds that bounds nothing."""

LEVELS = 127
"""The largest of the 8-bit integers that a direction is written in."""


@dataclass(frozen=True)
class Familiarity:
    """How familiar an input is; immutable, and all that shapes the flag `unknown`.

    `centre` float32 `[d]` is the mean of the examples. `directions` int8 `[d, r]` span their main
    directions; times `mix` float32 `[r, r]` the columns are orthonormal in spite of the rounding to
    integers, so that nothing is lost but a slight turn of the subspace. A score is
    `odds_weight * min(log odds, most_odds) - distance_weight * squared distance`; one below
    `below` is unknown.
    """

    centre: Floats
    directions: NDArray[np.int8]
    mix: Floats
    odds_weight: float = 1.0
    distance_weight: float = 1.0
    most_odds: float = UNBOUNDED
    below: float = NEVER

    @classmethod
    def of(cls, centre: NDArray[Any], directions: NDArray[Any]) -> Self:
        """Without weights and threshold, from a mean `[d]` and orthonormal columns `[d, r]`."""
        largest = np.abs(directions).max(axis=0, initial=np.finfo(np.float32).tiny)
        written = np.rint(directions / largest * LEVELS)
        gram = written.T @ written
        mix = np.linalg.inv(np.linalg.cholesky(gram)).T  # mix' gram mix = 1
        return cls(
            centre.astype(np.float32),
            np.ascontiguousarray(written, dtype=np.int8),
            np.ascontiguousarray(mix, dtype=np.float32),
        )

    def weighted(self, *, odds_weight: float, distance_weight: float, most_odds: float) -> Self:
        """The same directions with other weights and bound, arrays shared."""
        return replace(
            self, odds_weight=odds_weight, distance_weight=distance_weight, most_odds=most_odds
        )

    def flagging(self, below: float) -> Self:
        """The same scores with another threshold."""
        return replace(self, below=below)

    def score(self, x: Floats, odds: Floats) -> Floats:
        """How familiar each input is, float32 `[n]`: higher is more familiar, NaN is not finite.

        `x` float32 `[n, d]` are the features that the head makes of embeddings, `odds` `[n]` the
        calibrated log odds of the most probable label that it gives them.
        """
        return np.asarray(self.combine(odds, self.distance(x)), dtype=np.float32)

    def combine(self, odds: NDArray[Any], distances: NDArray[Any]) -> NDArray[Any]:
        """The scores of inputs with these log odds and squared distances, of the same shape."""
        bounded = np.minimum(odds, self.most_odds)
        return np.asarray(self.odds_weight * bounded - self.distance_weight * distances)

    def unknown(self, x: Floats, odds: Floats) -> NDArray[np.bool_]:
        """Whether each input is unlike what the head was fitted on, bool `[n]`."""
        return ~(self.score(x, odds) >= np.float32(self.below))

    def distance(self, x: Floats) -> Floats:
        """The squared distance of each of `[n, d]` from the principal subspace, float32 `[n]`."""
        away = x - self.centre
        within = (away @ self.directions.astype(np.float32)) @ self.mix
        left = np.einsum("nd,nd->n", away, away) - np.einsum("nr,nr->n", within, within)
        return np.asarray(np.maximum(left, np.float32(0)))  # below 0 is rounding

    def to_arrays(self) -> Arrays:
        """Everything that shapes a flag, by name; the inverse is `from_arrays`."""
        return {
            CENTRE: self.centre,
            DIRECTIONS: self.directions,
            MIX: self.mix,
            WEIGHT: np.array([self.odds_weight, self.distance_weight, self.most_odds], np.float32),
            BELOW: np.array([self.below], np.float32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], dim: int) -> Self | None:
        """The familiarity among the arrays of a head; None where it was stored without one.

        Raises DataLoss when the arrays do not fit together.
        """
        if not any(name in arrays for name in (CENTRE, DIRECTIONS, MIX, WEIGHT, BELOW)):
            return None
        centre, mix = take(arrays, CENTRE, dim), take(arrays, MIX, -1, -1)
        weight = take(arrays, WEIGHT, 3)
        directions = arrays.get(DIRECTIONS)
        if directions is None or directions.dtype != np.int8:
            received = "nothing" if directions is None else directions.dtype
            raise DataLoss(f"a head needs the int8 array {DIRECTIONS!r}; got {received}")
        if directions.shape != (dim, len(mix)) or mix.shape[0] != mix.shape[1]:
            raise DataLoss(
                f"the array {DIRECTIONS!r} of a head must be int8 [{dim}, {len(mix)}] and "
                f"{MIX!r} square; got {list(directions.shape)} and {list(mix.shape)}"
            )
        below = float(take(arrays, BELOW, 1)[0])
        odds, distance, most = weight.tolist()
        return cls(centre, directions, mix, odds, distance, most, below)
