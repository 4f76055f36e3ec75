"""The nearest neighbours of examples by cosine, in blocks of bounded memory. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats

Indices = NDArray[np.int64]

# Similarities held at once (float32: 16 MB).
BLOCK = 4_000_000
_NOT_ONE = -2.0  # below every cosine


def nearest(
    unit: Floats, groups: Indices, queries: Indices, references: Indices, k: int
) -> tuple[Indices, Floats]:
    """The k references nearest to each query: their indices `[q, k]` and cosines, nearest first.

    `unit` float32 `[n, d]` holds rows of length 1, of which `queries` and `references` are indices.
    A reference of the query's own group (the example itself, or a copy of it) is passed over. Where
    fewer than k are left the rest has index -1 and cosine -2.
    """
    k_there = min(k, len(references))
    found = np.full((len(queries), k), -1, np.int64)
    cosine = np.full((len(queries), k), _NOT_ONE, np.float32)
    rows = max(1, BLOCK // max(len(references), 1))
    for start in range(0, len(queries) if k_there else 0, rows):
        here = queries[start : start + rows]
        near = unit[here] @ unit[references].T
        near[groups[here][:, None] == groups[references]] = _NOT_ONE
        top = _largest(near, k_there)
        best = np.take_along_axis(near, top, axis=1)
        cosine[start : start + rows, :k_there] = best
        found[start : start + rows, :k_there] = np.where(best > _NOT_ONE, references[top], -1)
    return found, cosine


def _largest(near: Floats, k: int) -> Indices:
    """The columns of the k largest of each row, largest first; the first of equals."""
    if k < near.shape[1]:
        part = np.sort(np.argpartition(-near, k - 1, axis=1)[:, :k], axis=1)
    else:
        part = np.broadcast_to(np.arange(near.shape[1]), near.shape)
    order = np.argsort(-np.take_along_axis(near, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def sample(count: int, limit: int, seed: int) -> Indices:
    """All of 0 to count - 1, or `limit` of them drawn at random; ascending."""
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, limit, replace=False))
