"""Pictures nearly the same: copies that were resized, recompressed, cropped or flipped. Pure.

Every picture is compared with every other by what copies keep (see keepsakes); its few nearest are
then laid on it (see alignment). How alike is alike enough follows from the pictures themselves:
among drawings of one letter strangers look more alike than among photographs of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from services.trainer.data.alignment import LARGEST_Z, likeness
from services.trainer.data.keepsakes import CROP, Keepsakes, crops, learn
from services.trainer.data.neighbours import Neighbours, nearest
from services.trainer.data.sketch import SKETCH_BYTES, Sketches
from services.trainer.data.warp import cropped

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

NEIGHBOURS: Final = 8
"""Of each picture; the nearer half are candidates, the others tell how alike strangers look. A group
larger than that hangs together by the neighbours that its members share."""
MAX_VIEWED: Final = 10_000
"""Up to so many pictures are compared under nine crops each. More are compared as they are, which
costs a ninth: then what copies keep has to bear the crop by itself."""
SURE: Final = 1.95
"""Fisher's z from which two pictures count as copies in any set."""
POSSIBLE: Final = 1.2
"""Fisher's z below which they count as copies in none."""
_NORMAL: Final = 4.26  # one stranger in 100,000 is more standard deviations above the mean
_QUARTILE: Final = 0.6745  # from the median of a normal distribution to its quartile
_ENOUGH: Final = 2_000  # strangers
_FEW: Final = 100  # strangers, too few to learn from how alike strangers look
_FLAT: Final = 4  # levels: a picture whose cells differ by less shows nothing but a colour
_SHADE: Final = 8  # levels: colours that are told apart


@dataclass(frozen=True)
class Pairs:
    """Near-duplicates: pictures `first[p]` and `second[p]`; `score` is their Fisher's z."""

    first: Indices
    second: Indices
    score: Floats


def near_duplicates(sketches: Sketches, embeddings: Floats | None = None) -> Pairs:
    """Pairs within one set, sketches [n, SIDE, SIDE, 3]; first < second, each pair once.

    Of a large group not every pair is named, but enough to hold it together. Embeddings [n, d], of
    any scale, name further candidates: the nearest by cosine. Whether two pictures are copies is
    decided by the sketches alone.
    """
    one, of = _distinct(sketches)
    found = _compared(sketches[one], None if embeddings is None else embeddings[one])
    again = np.flatnonzero(one[of] != np.arange(len(of)))
    first = np.concatenate([one[found.first], one[of[again]]])
    second = np.concatenate([one[found.second], again])
    score = np.concatenate([found.score, np.full(len(again), LARGEST_Z, np.float32)])
    return Pairs(np.minimum(first, second), np.maximum(first, second), score)


def groups(pairs: Pairs, count: int) -> Indices:
    """A group for each of `count` pictures, [count], 0 upwards: those that pairs hold together."""
    links = coo_array((np.ones(len(pairs.first)), (pairs.first, pairs.second)), (count, count))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def leaks(train: Sketches, test: Sketches) -> Indices:
    """The picture of `train` that each of `test` is nearly the same as, [test], or -1."""
    count = len(train) + len(test)
    group = groups(near_duplicates(np.concatenate([train, test])), count)
    trained, first = np.unique(group[: len(train)], return_index=True)
    tested = group[len(train) :]
    if not len(train):
        return np.full(len(test), -1, np.int64)
    at = np.minimum(np.searchsorted(trained, tested), len(trained) - 1)
    return np.where(trained[at] == tested, first[at], -1).astype(np.int64)


def _distinct(sketches: Sketches) -> tuple[Indices, Indices]:
    """The first of each kind of equal sketches, and the number of its kind for each, [n].

    Pictures of one colour are equal when that colour is: there is nothing in them to lay on.
    """
    low, high = sketches.min((1, 2)), sketches.max((1, 2))
    flat = (high.astype(np.int64) - low).max(1, initial=0) <= _FLAT
    plain = np.array(sketches)
    plain[flat] = (low[flat] // _SHADE)[:, None, None, :]
    rows = np.ascontiguousarray(plain.reshape(len(plain), SKETCH_BYTES))
    kinds = rows.view(np.dtype((np.void, SKETCH_BYTES))).reshape(-1)
    _, one, of = np.unique(kinds, return_index=True, return_inverse=True)
    return one.astype(np.int64), of.reshape(-1).astype(np.int64)


@dataclass(frozen=True)
class _Candidates:
    """`first` cropped by `crops()[view]` may be `second`; `far` marks the unlikely half."""

    first: Indices
    second: Indices
    view: Indices
    distance: Floats
    far: NDArray[np.bool_]

    def some(self, kept: Indices) -> _Candidates:
        """Those at these positions."""
        return _Candidates(
            self.first[kept],
            self.second[kept],
            self.view[kept],
            self.distance[kept],
            self.far[kept],
        )


def _compared(sketches: Sketches, embeddings: Floats | None) -> Pairs:
    """The pairs among sketches of which no two are equal."""
    if len(sketches) < 2:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    tried = _sampled(_candidates(sketches, embeddings))
    z = likeness(sketches[tried.first], sketches[tried.second], crops()[tried.view])
    copies = z >= _threshold(z[tried.far])
    first, second = tried.first[copies], tried.second[copies]
    return Pairs(np.minimum(first, second), np.maximum(first, second), z[copies])


def _candidates(sketches: Sketches, embeddings: Floats | None) -> _Candidates:
    """Each picture with its nearest, by sketch and by embedding; each pair once."""
    viewed = len(sketches) <= MAX_VIEWED
    keep = learn(sketches, crop=CROP / 2 if viewed else CROP)
    base = keep.of(sketches)
    found = [nearest(_views(keep, sketches) if viewed else [base], base, NEIGHBOURS, apart=True)]
    if embeddings is not None:
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
        unit = embeddings / np.maximum(norms, 1e-12).astype(np.float32)
        found.append(nearest([unit], unit, NEIGHBOURS // 2, apart=True))
    return _once([_listed(each) for each in found], len(sketches))


def _views(keep: Keepsakes, sketches: Sketches) -> list[Floats]:
    """What copies keep of each picture under each crop."""
    return [keep.of(cropped(sketches, crop)) for crop in crops()]


def _listed(found: Neighbours) -> _Candidates:
    rows, count = found.other.shape
    first = np.repeat(np.arange(rows), count)
    far = np.tile(np.arange(count) >= count // 2, rows)
    other, view = found.other.reshape(-1), found.view.reshape(-1)
    return _Candidates(first, other, view, found.distance.reshape(-1), far)


def _sampled(found: _Candidates) -> _Candidates:
    """All near candidates, and of the far ones as many as tell how alike strangers look."""
    far = np.flatnonzero(found.far)
    spread = np.linspace(0, len(far), min(len(far), _ENOUGH), endpoint=False).astype(np.int64)
    return found.some(np.sort(np.concatenate([np.flatnonzero(~found.far), far[spread]])))


def _once(lists: Sequence[_Candidates], count: int) -> _Candidates:
    """All candidates, each pair once: the way round, and under the crop, in which it is nearest.

    A pair of several lists, whose distances do not compare, is taken from the earliest.
    """
    first, second, view, distance, far = (
        np.concatenate([getattr(each, name) for each in lists])
        for name in ("first", "second", "view", "distance", "far")
    )
    later = np.repeat(np.arange(len(lists)), [len(each.first) for each in lists])
    pair = np.minimum(first, second) * count + np.maximum(first, second)
    order = np.lexsort((distance, later, pair))
    kept = order[np.unique(pair[order], return_index=True)[1]]
    return _Candidates(first, second, view, distance, far).some(kept)


def _threshold(strangers: Floats) -> float:
    """The z from which two pictures are copies, given that of pairs most of which are not.

    Normal strangers exceed it once in 100,000 pairs; their mean and spread are taken from the
    median and the upper quartile, which a few copies among them do not move.
    """
    if len(strangers) < _FEW:
        return SURE
    middle, upper = np.quantile(strangers, [0.5, 0.75])
    return float(np.clip(middle + _NORMAL * (upper - middle) / _QUARTILE, POSSIBLE, SURE))
