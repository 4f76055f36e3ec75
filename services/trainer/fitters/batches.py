"""Which examples a step of contrastive training sees together. Pure.

A loss over pairs needs examples of one class in the same batch: of a thousand classes drawn at
random hardly two would meet. So examples come in chunks of one class (after Hermans et al., 2017,
"In Defense of the Triplet Loss": P classes of K), and chunks are put together at random.
"""

from __future__ import annotations

import numpy as np

from services.trainer.fitters.base import Indices

CHUNK = 4
"""Examples of a class that stay together, at least: each then has three of its own kind."""


def batches(y: Indices, size: int, rng: np.random.Generator) -> list[Indices]:
    """One epoch: every example of classes `y` `[n]` once, in batches of about `size`.

    The last batch takes what is left over, so that none is smaller than half of `size` unless all
    examples are fewer.
    """
    chunks = [chunk for label in np.unique(y) for chunk in _chunks(y, label, rng)]
    made: list[Indices] = []
    filling: list[Indices] = []
    for number in rng.permutation(len(chunks)):
        filling.append(chunks[number])
        if sum(map(len, filling)) >= size:
            made.append(np.concatenate(filling))
            filling = []
    rest = sum(map(len, filling))
    if made and 0 < rest < size // 2:
        made[-1] = np.concatenate([made[-1], *filling])
    elif filling:
        made.append(np.concatenate(filling))
    return made


def _chunks(y: Indices, label: int, rng: np.random.Generator) -> list[Indices]:
    members = rng.permutation(np.flatnonzero(y == label))
    return list(np.array_split(members, max(1, len(members) // CHUNK)))
