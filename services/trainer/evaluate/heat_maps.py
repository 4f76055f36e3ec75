"""Where a head looks: class activation maps (Zhou et al., 2016), exact for a linear head.

A head reads x = [b1/|b1|, b2/|b2|, ...], where each block b is the vector of an endpoint, the mean
over the positions of its feature map f. So what a block adds to a weighted sum of x splits without
remainder into what each position adds:

    w . b/|b|  =  mean over positions p of  w . f(p)/|b|

With w = the weights of the answer less the mean weights of the other classes, that is how much each
place of the picture speaks for the answer. A head that is not linear has, at each example, the
slope of the same difference of logits in the place of w (as in Grad-CAM: Selvaraju et al., 2017).
The maps of blocks of different strides are brought onto one grid, each place by the share of its
area, which keeps their means, and added.

Pure: standard library and NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats

MAX_SIDE: Final = 14
"""Rows and columns of the grid at most: finer maps are averaged down, a page shows no more."""

STEP: Final = 1e-2
"""Of a slope that is found by differences, on an x whose blocks have length 1."""

_TINY: Final = 1e-12

TOLERANCE: Final = 1e-2
"""How far, of its length, a vector may be from the mean of a map that explains it: both come in
half precision, whose numbers are within 5e-4 of what they stand for."""

MAX_LOOKS: Final = 12
"""Maps in a report: half of them of wrong answers, as far as there are any."""

Indices = NDArray[np.int64]
Logits = Callable[[Floats], Floats]
"""Of float32 x [n, d], whose blocks have length 1: [n, c]."""

Heat = Callable[[Floats, Sequence[int], Sequence[Floats]], Floats]
"""(x [n, d], n answers, the maps of the blocks) -> as `heat`."""

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


def contrast(weight: Floats, answer: int) -> Floats:
    """[d]: the weights [d, c] of the answer less the mean of those of the other classes."""
    others = weight.shape[1] - 1
    return np.asarray(weight[:, answer] - (weight.sum(axis=1) - weight[:, answer]) / others)


def linear(weight: Floats) -> Heat:
    """The heat of a linear head with the weights [d, c] over x."""
    return lambda x, answers, maps: heat(np.stack([contrast(weight, a) for a in answers]), maps)


def local(logits: Logits) -> Heat:
    """The heat of any head, by how its logits change around x. Of a linear one it is the same as
    `linear`, which is a hundred times as fast.
    """

    def found(x: Floats, answers: Sequence[int], maps: Sequence[Floats]) -> Floats:
        each = [
            _along(logits, row, answer, [one[i : i + 1] for one in maps])
            for i, (row, answer) in enumerate(zip(x, answers, strict=True))
        ]
        return np.stack(each)

    return found


def _along(logits: Logits, x: Floats, answer: int, maps: Sequence[Floats]) -> Floats:
    """[rows, columns] of one example: the slope of the contrast at x [d] along what each place
    adds to x, by central differences. Far fewer directions than x has axes.
    """
    rows, columns = _grid(maps)
    maps = [_onto(each, min(each.shape[1], rows), min(each.shape[2], columns)) for each in maps]
    total, start = np.zeros((rows, columns), np.float64), 0
    for each in maps:
        _, height, width, dim = each.shape
        added = np.zeros((height * width, len(x)))
        added[:, start : start + dim] = (each / _lengths(each)[:, None, None, None]).reshape(
            -1, dim
        )
        start += dim
        sizes = np.maximum(np.linalg.norm(added, axis=1, keepdims=True), _TINY)
        steps = (STEP * added / sizes).astype(np.float32)
        rise = contrast(logits(x + steps) - logits(x - steps), answer)
        slopes = (rise / (2 * STEP) * sizes[:, 0]).reshape(1, height, width)
        total += _onto(slopes, rows, columns)[0]
    return total.astype(np.float32)


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


def heat(weights: Floats, maps: Sequence[Floats]) -> Floats:
    """[n, rows, columns]: how much each place of n pictures speaks for the answer; the mean over
    places is weights . x. `weights` [n, d] go with the blocks of x, which are the means of the
    `maps` [n, h, w, d_j], in that order and divided by their lengths.
    """
    rows, columns = _grid(maps)
    total, start = np.zeros((len(weights), rows, columns), np.float64), 0
    for each in maps:
        block = weights[:, start : start + each.shape[3]] / _lengths(each)[:, None]
        start += each.shape[3]
        spoken = np.einsum("nhwd,nd->nhw", each.astype(np.float64), block)
        total += _onto(np.asarray(spoken), rows, columns)
    return total.astype(np.float32)


def _grid(maps: Sequence[Floats]) -> tuple[int, int]:
    """Rows and columns of the finest of the maps, MAX_SIDE at most."""
    rows, columns = (max(each.shape[axis] for each in maps) for axis in (1, 2))
    return min(MAX_SIDE, rows), min(MAX_SIDE, columns)


def _lengths(maps: Floats) -> Floats:
    """[n]: of the means of maps [n, h, w, d]; 1 for a zero, which says nothing."""
    lengths = np.linalg.norm(maps.mean(axis=(1, 2), dtype=np.float64), axis=1)
    return np.asarray(np.where(lengths > 0, lengths, 1))


def _onto(values: Floats, rows: int, columns: int) -> Floats:
    """[n, h, w, ...] -> [n, rows, columns, ...]: each cell the mean of what it covers."""
    down, across = _cover(values.shape[1], rows), _cover(values.shape[2], columns)
    return np.asarray(np.einsum("rh,nhw...,cw->nrc...", down, values, across, optimize=True))


def _cover(cells: int, wanted: int) -> Floats:
    """[wanted, cells]: the share of each wanted cell that each cell covers; rows add up to 1."""
    edges, goals = np.arange(cells + 1) / cells, np.arange(wanted + 1) / wanted
    low = np.maximum(edges[None, :-1], goals[:-1, None])
    high = np.minimum(edges[None, 1:], goals[1:, None])
    return np.asarray(np.maximum(high - low, 0) * wanted)


def shown(heat: Floats) -> Floats:
    """[rows, columns] scaled to 0..1 for show: what speaks against is 0, the strongest place 1.

    All zeros where nothing speaks for the answer.
    """
    positive = np.maximum(heat, 0)
    most = positive.max(initial=0.0)
    return np.asarray(positive / most if most > 0 else positive, dtype=np.float32)
