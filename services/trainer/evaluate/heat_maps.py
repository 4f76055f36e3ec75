"""Where a head looks: class activation maps (Zhou et al., 2016), exact for a linear head.

A head works on features z made of vectors b, each the mean over the positions of a feature map f.
So z is a mean over positions, too: of f(p)/|b| where b is scaled to length 1, of f(p)/sqrt|b|, as
long again, where its root was taken. What a linear head adds up then splits without remainder into
what each place of the picture adds,

    w . z  =  mean over positions p of  w . z(p),

with w = the weights of the answer less the mean weights of the other classes. A head that is not
linear has, at each example, the slope of the same difference of logits in the place of w (as in
Grad-CAM: Selvaraju et al., 2017). Maps of different strides are first brought onto one grid, each
cell the mean of what it covers, which keeps their means.

Pure: standard library and NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead

MAX_SIDE: Final = 14
"""Rows and columns of the grid at most: finer maps are averaged down, a page shows no more."""

STEP: Final = 1e-2
"""Of a slope that is found by differences, as a share of the length of z."""

TOLERANCE: Final = 1e-2
"""How far, of its length, a vector may be from the mean of a map that explains it: both come in
half precision, whose numbers are within 5e-4 of what they stand for."""

MAX_LOOKS: Final = 12
"""Maps in a report: half of them of wrong answers, as far as there are any."""

Indices = NDArray[np.int64]
_TINY: Final = 1e-12

_ACTIVATIONS: Final[tuple[Callable[[Floats], Floats], ...]] = (
    lambda f: f,
    lambda f: np.maximum(f, 0),
    lambda f: np.clip(f, 0, 6),
    lambda f: f / (1 + np.exp(-np.clip(f, -80, None))),
)
"""What networks put between their last map and its mean: nothing, ReLU, ReLU6, swish."""


@dataclass(frozen=True, slots=True)
class Look:
    """Example `item` (an index of the caller's) of class `truth`, given the answer `answer`."""

    item: int
    truth: int
    answer: int


def pick(proba: Floats, truth: Indices, items: Indices, *, most: int = MAX_LOOKS) -> list[Look]:
    """The answers to look into, wrong ones first: the most confident wrong ones, and of the right
    ones the most confident of each class before the second of any. `proba` [m, c] are held-out
    probabilities (or any scores that grow with them) of m examples whose indices are `items`.
    """
    answers, score = proba.argmax(axis=1), proba.max(axis=1)
    order = np.argsort(-score, kind="stable")
    right = order[answers[order] == truth[order]]
    wrong = order[answers[order] != truth[order]]
    seldom = right[np.argsort(_turns(truth[right]), kind="stable")]
    taken = max(most // 2, most - len(right))
    chosen = [*wrong[:taken], *seldom][:most]
    return [Look(int(items[i]), int(truth[i]), int(answers[i])) for i in chosen]


def _turns(classes: Indices) -> Indices:
    """How often each class has come before, place by place: [0, 0, 1, ...] for [a, b, a, ...]."""
    seen: dict[int, int] = {}
    turns = np.zeros(len(classes), np.int64)
    for place, each in enumerate(classes.tolist()):
        turns[place] = seen.get(each, 0)
        seen[each] = seen.get(each, 0) + 1
    return turns


def heat(head: Head, maps: Sequence[Floats], answers: Sequence[int]) -> Floats:
    """[n, rows, columns]: how much each place of n pictures speaks for its answer.

    `maps` [n, h, w, d_j] are those of the endpoints that the head joins, in its order. Of a linear
    head the mean over places is the contrast of its logits (before bias and temperature).
    """
    places = spread(head.blocks, _joined(maps))
    if isinstance(head, LinearHead):
        weights = np.stack([contrast(head.weight, answer) for answer in answers])
        return np.asarray(np.einsum("nrcd,nd->nrc", places, weights))
    bare = copy(head)
    bare.blocks = Blocks.raw(head.dim)  # so that it takes features
    slopes = [_slopes(bare, each, answer) for each, answer in zip(places, answers, strict=True)]
    return np.stack(slopes)


def contrast(weight: Floats, answer: int) -> Floats:
    """[d]: the weights [d, c] of the answer less the mean of those of the other classes."""
    others = weight.shape[1] - 1
    return np.asarray(weight[:, answer] - (weight.sum(axis=1) - weight[:, answer]) / others)


def _slopes(bare: Head, places: Floats, answer: int) -> Floats:
    """[rows, columns] of one example: how the contrast of the logits changes when z moves along
    what each place [rows, columns, d] adds to it; by central differences.
    """
    z, added = places.mean(axis=(0, 1)), places.reshape(-1, places.shape[2])
    sizes = np.maximum(np.linalg.norm(added, axis=1), _TINY)
    step = STEP * max(float(np.linalg.norm(z)), _TINY)
    steps = added * (step / sizes)[:, None].astype(np.float32)
    rise = contrast(bare.logits(z + steps) - bare.logits(z - steps), answer)
    return np.asarray(rise * sizes / (2 * step), np.float32).reshape(places.shape[:2])


def spread(blocks: Blocks, maps: Floats) -> Floats:
    """[n, rows, columns, d]: what each place of joined maps of this shape adds to the features;
    their mean over places is what `Blocks.features` makes of the mean of the maps.
    """
    parts, start = [], 0
    for block in blocks.blocks:
        parts.append(_spread(block, maps[..., start : start + block.dim]))
        start += block.dim
    return np.concatenate(parts, axis=3)


def _spread(block: Block, maps: Floats) -> Floats:
    vector = maps.mean(axis=(1, 2), dtype=np.float64)
    if block.root:  # copysign(sqrt|b|, b) = b / sqrt|b|; what is 0 on the mean adds nothing
        roots = np.sqrt(np.abs(vector))
        share = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
    else:
        share = np.ones_like(vector)
    length = np.linalg.norm(vector * share, axis=1, keepdims=True)
    if block.length:
        share = share * block.length / np.where(length > 0, length, 1)
    return np.asarray(maps * share[:, None, None].astype(np.float32))


def _joined(maps: Sequence[Floats]) -> Floats:
    """[n, rows, columns, d]: all maps on the grid of the finest, MAX_SIDE at most."""
    rows, columns = (min(MAX_SIDE, max(each.shape[axis] for each in maps)) for axis in (1, 2))
    return np.concatenate([_onto(each, rows, columns) for each in maps], axis=3)


def _onto(maps: Floats, rows: int, columns: int) -> Floats:
    """[n, h, w, d] -> float32 [n, rows, columns, d]: each cell the mean of what it covers."""
    down, across = _cover(maps.shape[1], rows), _cover(maps.shape[2], columns)
    flat = np.einsum("rh,nhwd->nrwd", down, maps)
    return np.asarray(np.einsum("cw,nrwd->nrcd", across, flat), np.float32)


def _cover(cells: int, wanted: int) -> Floats:
    """[wanted, cells]: the share of each wanted cell that each cell covers; rows add up to 1."""
    edges, goals = np.arange(cells + 1) / cells, np.arange(wanted + 1) / wanted
    low = np.maximum(edges[None, :-1], goals[:-1, None])
    high = np.minimum(edges[None, 1:], goals[1:, None])
    return np.asarray(np.maximum(high - low, 0) * wanted)


def explain(vectors: Mapping[str, Floats], maps: Mapping[str, Floats]) -> dict[str, Floats] | None:
    """The map [n, h, w, d] behind each vector [n, d]: the one of its own name, or one whose mean
    it is, after an activation. None where a vector has none: half an explanation would mislead.

    Endpoints of other lengths than d explain nothing and may be left out of `maps`.
    """
    found = {name: _explaining(name, vector, maps) for name, vector in vectors.items()}
    kept = {name: each for name, each in found.items() if each is not None}
    return kept if len(kept) == len(found) else None


def _explaining(name: str, vector: Floats, maps: Mapping[str, Floats]) -> Floats | None:
    for other in sorted(maps, key=lambda other: other != name):  # that of its own name first
        if maps[other].shape[-1] == vector.shape[-1]:
            for activation in _ACTIVATIONS:
                activated = activation(maps[other].astype(np.float32))
                if _equal(activated.mean(axis=(1, 2)), vector):
                    return np.asarray(activated)
    return None


def _equal(mean: Floats, vector: Floats) -> bool:
    lengths = np.linalg.norm(vector, axis=1)
    return bool((np.linalg.norm(mean - vector, axis=1) <= TOLERANCE * lengths).all())


def shown(heat: Floats) -> Floats:
    """[rows, columns] scaled to 0..1 for show: what speaks against is 0, the strongest place 1.

    All zeros where nothing speaks for the answer.
    """
    positive = np.maximum(heat, 0)
    most = positive.max(initial=0.0)
    return np.asarray(positive / most if most > 0 else positive, dtype=np.float32)
