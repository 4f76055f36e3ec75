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

from services.trainer.data.alignment import CHUNK, LARGEST_Z, likeness
from services.trainer.data.glance import Glance, glance
from services.trainer.data.keepsakes import CROP, crops, learn
from services.trainer.data.neighbours import nearest
from services.trainer.data.sketch import SKETCH_BYTES, Sketches
from services.trainer.data.warp import cropped

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

NEIGHBOURS: Final = 4
"""Candidates of each picture. A larger group hangs together by those that its members share."""
MAX_VIEWED: Final = 5_000
"""Up to so many pictures are compared under nine crops each. More are compared as they are, which
costs a ninth: what copies keep has to bear the crop then, and more candidates make up for it."""
NEIGHBOURS_UNVIEWED: Final = 8
HOPELESS: Final = 0.75
"""Pairs that correlate less at first glance are not laid on each other."""
SURE: Final = 1.85
"""Fisher's z from which two pictures count as copies, however alike strangers look."""
SURE_AMONG_LIKE: Final = 2.2
"""The same where the usual stranger comes within _APART of SURE, as among drawings of one digit."""
POSSIBLE: Final = 1.2
"""Fisher's z below which they count as copies in none."""
_APART: Final = 1.0
_NORMAL: Final = 4.26  # one stranger in 100,000 is more standard deviations above the mean
_QUARTILE: Final = 0.6745  # from the median of a normal distribution to its quartile
_ENOUGH: Final = 1_000  # strangers
_FEW: Final = 100  # strangers, too few to learn from how alike strangers look
_FLAT: Final = 4  # levels: a picture whose cells differ by less shows nothing but a colour
_SHADE: Final = 8  # levels: colours that are told apart
_NONE: Final = np.zeros(0, np.int64)


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


def with_something_to_hold_out(group: Indices, classes: Sequence[Indices]) -> Indices:
    """The groups `[n]`, but the classes that are `all_alike` taken apart; `classes` has the members
    of each.

    Drawings of one sign look so alike that all may pass for copies of one; the class could then
    never be held out, and nothing would be known of it.
    """
    apart = group.copy()
    fresh = int(group.max(initial=-1)) + 1
    for number in all_alike(group, classes):
        members = classes[number]
        apart[members] = fresh + np.arange(len(members))
        fresh += len(members)
    return apart


def all_alike(group: Indices, classes: Sequence[Indices]) -> list[int]:
    """The classes of three or more that are in a single one of the groups `[n]`."""
    return [
        number
        for number, members in enumerate(classes)
        if len(members) > 2 and len(np.unique(group[members])) == 1
    ]


def leaks(pairs: Pairs, train: int, test: int) -> Indices:
    """The one of the first `train` examples that each of the `test` ones behind them is nearly the
    same as, [test], or -1; `pairs` are those of all of them."""
    group = groups(pairs, train + test)
    trained, first = np.unique(group[:train], return_index=True)
    tested = group[train:]
    if not train:
        return np.full(test, -1, np.int64)
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


def _compared(sketches: Sketches, embeddings: Floats | None) -> Pairs:
    """The pairs among sketches of which no two are equal."""
    near, far = _candidates(sketches, embeddings)
    threshold = _threshold(_likeness(sketches, glance(sketches, *far)))
    seen = glance(sketches, *near)
    seen = seen.some(np.flatnonzero(seen.likeness >= HOPELESS))
    z = _likeness(sketches, seen)
    copies = z >= threshold
    first, second = seen.whole[copies], seen.part[copies]
    return Pairs(np.minimum(first, second), np.maximum(first, second), z[copies])


def _likeness(sketches: Sketches, seen: Glance) -> Floats:
    """Fisher's z of pairs once they are laid on each other, [m]."""
    found = np.zeros(len(seen.whole), np.float32)
    for start in range(0, len(found), CHUNK):
        some = seen.some(np.arange(start, min(start + CHUNK, len(found))))
        part = sketches[some.part]
        part[some.mirrored] = part[some.mirrored][:, :, ::-1]
        found[start : start + CHUNK] = likeness(sketches[some.whole], part, crops()[some.crop])
    return found


_Couples = tuple[Indices, Indices]


def _candidates(sketches: Sketches, embeddings: Floats | None) -> tuple[_Couples, _Couples]:
    """Pictures with their nearest, by sketch and by embedding, each pair once; and pairs that are
    near, but further than those: some of the strangers."""
    if len(sketches) < 2:
        return (_NONE, _NONE), (_NONE, _NONE)
    viewed = len(sketches) <= MAX_VIEWED
    keep = learn(sketches, crop=CROP / 2 if viewed else CROP)
    base = keep.of(sketches)
    views = [keep.of(cropped(sketches, crop)) for crop in crops()] if viewed else [base]
    count = NEIGHBOURS if viewed else NEIGHBOURS_UNVIEWED
    found = nearest(views, base, 2 * count, apart=True)
    near = [found[:, :count]]
    if embeddings is not None:
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
        unit = (embeddings / np.maximum(norms, 1e-12)).astype(np.float32)
        near.append(nearest([unit], unit, NEIGHBOURS, apart=True))
    far = _once([found[:, count:]])
    spread = np.linspace(0, len(far[0]), min(len(far[0]), _ENOUGH), endpoint=False)
    some = spread.astype(np.int64)
    return _once(near), (far[0][some], far[1][some])


def _once(lists: Sequence[Indices]) -> _Couples:
    """All pairs of a row number and an entry of that row, each once, the smaller number first."""
    rows = np.concatenate([np.repeat(np.arange(len(each)), each.shape[1]) for each in lists])
    entries = np.concatenate([each.reshape(-1) for each in lists])
    pairs = np.stack([np.minimum(rows, entries), np.maximum(rows, entries)])
    first, second = np.unique(pairs, axis=1)
    return first, second


def _threshold(strangers: Floats) -> float:
    """The z from which two pictures are copies, given that of pairs most of which are not.

    Normal strangers exceed it once in 100,000 pairs; their mean and spread are taken from the
    median and the upper quartile, which a few copies among them do not move. Where most of them
    are copies, as of groups larger than the neighbours of a picture, nothing is to be learned.
    """
    if len(strangers) < _FEW:
        return SURE
    middle, upper = np.quantile(strangers, [0.5, 0.75])
    if middle >= SURE:
        return SURE
    most = np.clip(middle + _APART, SURE, SURE_AMONG_LIKE)
    return float(np.clip(middle + _NORMAL * (upper - middle) / _QUARTILE, POSSIBLE, most))
