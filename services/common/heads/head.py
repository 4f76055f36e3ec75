"""A head: the small classifier over embeddings that a user trained. Forward passes only.

The predictor serves with this code and the trainer computes every number of its report with it, so
the two cannot differ. NumPy only; importing registers nothing and has no effect.

Every head keeps this contract (tests/contracts/test_heads.py runs it over all kinds):

- it is immutable, holds plain arrays, and nothing outside them shapes an answer;
- it takes float32 `[n, dim]` for any n, 0 included, and answers float32 `[n, len(labels)]`;
- a row's answer does not depend on the rows beside it (but for rounding);
- vectors that are not finite are refused with InvalidArgument naming the first such row;
- `from_arrays(kind, labels, head.to_arrays())` gives the same answers bit for bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import (
    Answers,
    Arrays,
    Calibration,
    Floats,
    check_finite,
    check_shape,
)
from services.common.heads.blocks import Blocks
from services.common.heads.familiarity import Familiarity
from services.common.heads.link import LOGISTIC, SOFTMAX, Link


class Head(ABC):
    """A fitted classifier over embeddings. Owns its arrays; never changes after construction.

    `blocks` makes features of the vectors that come in. Without a `familiarity` nothing is ever
    flagged unknown. A calibration with thresholds makes it answer several labels an item.
    """

    kind: ClassVar[str]

    def __init__(self, labels: Sequence[str], blocks: Blocks) -> None:
        self.labels = tuple(labels)
        self.blocks = blocks
        self.dim = blocks.dim
        self.calibration = Calibration()
        self.familiarity: Familiarity | None = None

    def calibrated(self, calibration: Calibration, familiarity: Familiarity | None = None) -> Self:
        """The same head with other calibration, weights shared."""
        made = copy(self)
        made.calibration, made.familiarity = calibration, familiarity
        return made

    @property
    def several(self) -> bool:
        """Whether an item may have several labels, or none."""
        return self.calibration.thresholds is not None

    @property
    def link(self) -> Link:
        """What its logits mean."""
        return LOGISTIC if self.several else SOFTMAX

    @property
    def nbytes(self) -> int:
        """The size of the arrays in memory, in bytes: what a cache of heads counts."""
        return sum(array.nbytes for array in self.to_arrays().values())

    def log_proba(self, x: Floats) -> Floats:
        """Log probabilities, float32 `[n, c]`, of embeddings float32 `[n, dim]`."""
        return self.link.log_proba(self.logits(x))

    def proba(self, x: Floats) -> Floats:
        """Probabilities, float32 `[n, c]`, of embeddings float32 `[n, dim]`; rows sum to 1 where
        an item has one label."""
        return self.link.proba(self.logits(x))

    def answer(self, x: Floats) -> Answers:
        """The most probable label of each of n embeddings, its score, and whether it is unknown;
        where an item may have several labels, those too that it is answered to bear."""
        features, logits = self._both(x)
        proba = self.link.proba(logits)
        best = proba.argmax(axis=1)
        score = proba[np.arange(len(proba)), best]
        unknown = np.zeros(len(x), np.bool_)
        if self.familiarity is not None:
            odds = self.link.odds(logits)
            # The doubt that a missing part leaves is no strangeness: there the distance decides.
            odds = np.where(self.blocks.lacking(x), np.float32(self.familiarity.most_odds), odds)
            unknown = self.familiarity.unknown(features, odds)
        thresholds = self.calibration.thresholds
        borne = None if thresholds is None else proba >= thresholds
        return Answers(proba, best, score, unknown, borne)

    def logits(self, x: Floats) -> Floats:
        """Calibrated logits, float32 `[n, c]`, of which `link` makes probabilities.

        Raises InvalidArgument when `x` is not float32 `[n, dim]` or not finite.
        """
        return self._both(x)[1]

    def _both(self, x: Floats) -> tuple[Floats, Floats]:
        check_shape(x, self.dim)
        with np.errstate(all="ignore"):  # what overflows is refused by name below
            features = self.blocks.features(x)
            logits = self._logits(features) / np.float32(self.calibration.temperature)
            if self.several:
                logits += np.float32(self.calibration.offset)
        check_finite(x, logits)
        return features, logits

    def to_arrays(self) -> Arrays:
        """Everything that shapes an answer, by name; the inverse is `from_arrays`."""
        known = {} if self.familiarity is None else self.familiarity.to_arrays()
        return {
            **self._own_arrays(),
            **self.blocks.to_arrays(),
            **self.calibration.to_arrays(),
            **known,
        }

    @classmethod
    def from_arrays(cls, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The head of these arrays. Raises DataLoss when they do not fit together."""
        made = cls._of_arrays(labels, Blocks.from_arrays(arrays), arrays)
        familiarity = Familiarity.from_arrays(arrays, made.dim)
        return made.calibrated(Calibration.from_arrays(arrays, len(labels)), familiarity)

    @abstractmethod
    def _own_arrays(self) -> Arrays:
        """The arrays of this kind of head."""

    @classmethod
    @abstractmethod
    def _of_arrays(
        cls, labels: Sequence[str], blocks: Blocks, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """The inverse of `_own_arrays`. Raises DataLoss when they do not fit together."""

    @abstractmethod
    def _logits(self, features: Floats) -> Floats:
        """Logits of a batch of features before calibration; not finite where those are not."""
