"""Texts nearly the same: other case, blanks or punctuation, a long one with a few words changed.
Pure.

Fingerprints (see fingerprint) are cut into bands; texts that agree in a whole band are compared
(Broder, 1997; the bands are Leskovec, Rajaraman and Ullman's, Mining of Massive Datasets, 3.4).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.data.fingerprint import HASHES, Fingerprints
from services.trainer.data.near_duplicates import Pairs

ALIKE: Final = 0.8
"""The Jaccard index from which two texts count as copies, as in Lee et al. (2022), "Deduplicating
training data makes language models better"."""
BANDS: Final = 32
"""Of four hashes each: two texts of index 0.8 agree in one with a probability of 1 - 10^-7."""

_Indices = NDArray[np.int64]


def near_texts(fingerprints: Fingerprints) -> Pairs:
    """Pairs within one set, fingerprints [n, HASHES]; first < second, each pair once; `score` is
    the Jaccard index as estimated.

    Of a large group not every pair is named, but enough to hold it together.
    """
    _, one, of = np.unique(_kinds(fingerprints), return_index=True, return_inverse=True)
    of = of.reshape(-1)
    first, second = _candidates(fingerprints[one])
    index = (fingerprints[one[first]] == fingerprints[one[second]]).mean(1, dtype=np.float32)
    near = index >= ALIKE
    again = np.flatnonzero(one[of] != np.arange(len(of)))
    firsts = np.concatenate([one[first[near]], one[of[again]]])
    seconds = np.concatenate([one[second[near]], again])
    score = np.concatenate([index[near], np.ones(len(again), np.float32)])
    return Pairs(np.minimum(firsts, seconds), np.maximum(firsts, seconds), score)


def _candidates(fingerprints: Fingerprints) -> tuple[_Indices, _Indices]:
    """Those that agree in a band: each with the one before it and with the first of them."""
    width = HASHES // BANDS
    pairs = []
    for start in range(0, HASHES, width):
        kinds = _kinds(fingerprints[:, start : start + width])
        order = np.argsort(kinds, kind="stable").astype(np.int64)
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = kinds[order[1:]] != kinds[order[:-1]]
        begins = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
        later = np.flatnonzero(~fresh)
        pairs += [
            np.stack([order[later - 1], order[later]]),
            np.stack([order[begins[later]], order[later]]),
        ]
    found = np.concatenate(pairs, axis=1)
    first, second = np.unique(np.sort(found, axis=0), axis=1)
    return first, second


def _kinds(rows: Fingerprints) -> NDArray[np.void]:
    """Each row as one thing that can be compared and sorted."""
    packed = np.ascontiguousarray(rows)
    return packed.view(np.dtype((np.void, packed.shape[1] * packed.itemsize))).reshape(-1)
