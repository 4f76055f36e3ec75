"""Which endpoints of a backbone tell something that its last layer does not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.search.bank import Vectors
from services.trainer.search.cuts import DEFAULT

_LOOKED_AT: Final = 1_000  # vectors, to tell whether two endpoints give the same
_ROUNDING: Final = 0.002  # four times what float16 rounds a number below 1 by


def different(vectors: Mapping[str, Vectors]) -> list[str]:
    """The endpoints that do not give the directions of the last layer again."""
    last = vectors[DEFAULT]
    return [n for n, found in vectors.items() if n == DEFAULT or not _same_directions(found, last)]


def _same_directions(one: Vectors, other: Vectors) -> bool:
    """Whether vectors [n, dim] of float16 differ in their lengths alone."""
    if one.shape != other.shape:
        return False
    first, second = (_unit(found[:_LOOKED_AT].astype(np.float32)) for found in (one, other))
    return bool((np.abs(first - second).max(initial=0.0)) < _ROUNDING)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny))
