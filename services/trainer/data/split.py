"""The only place that decides which example is trained on and which is held out. Pure.

A plan is repeatable (a function of its arguments alone), stratified (every class is spread over the
folds as evenly as its groups allow) and keeps groups together: examples of one group, such as
copies of one picture, are never on both sides of a fold.

Where an example may bear several labels, none of them alone can order the examples; they are dealt
out label by label, the rarest first, to the fold that lacks it most (iterative stratification:
Sechidis, Tsoumakas and Vlahavas, 2011, "On the stratification of multi-label data").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.errors import InvalidArgument

Indices = NDArray[np.int64]

MIN_UNITS = 3
"""Of examples that may bear several labels so many groups are needed, that two may be trained on
while one is held out."""


@dataclass(frozen=True)
class Fold:
    """One division; indices ascending, `train` and `test` disjoint."""

    repeat: int
    train: Indices
    test: Indices


@dataclass(frozen=True)
class SplitPlan:
    """All folds, repeat by repeat.

    In each repeat every index is in exactly one `test`, except those in `never_tested`: the
    examples of a class with a single group, which cannot be both learned from and held out.
    `folds` is empty when no class has two groups, or nothing would be left to learn from.
    """

    folds: tuple[Fold, ...]
    repeats: int
    never_tested: Indices

    def part(self, first: int, last: int) -> SplitPlan:
        """The repeats from number `first` to before `last`."""
        folds = tuple(fold for fold in self.folds if first <= fold.repeat < last)
        return SplitPlan(folds, len({fold.repeat for fold in folds}), self.never_tested)

    @property
    def train_share(self) -> float:
        """The mean share of all examples that a fold trains on; 1 when there are no folds."""
        if not self.folds:
            return 1.0
        count = len(self.folds[0].train) + len(self.folds[0].test)
        return float(np.mean([len(fold.train) for fold in self.folds])) / count


def stratified_folds(
    y: NDArray[Any],
    groups: Indices | None = None,
    *,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
) -> SplitPlan:
    """A plan for class indices `y` `[n]`, or bool `[n, c]` of several labels, and group ids
    `groups` `[n]` (each its own by default).

    A group with several classes counts as its most frequent one. The units (groups) are ordered by
    class, larger ones first, otherwise at random, and dealt out to the folds like cards: a class
    then differs by at most one unit between folds. Where an example may bear several labels, see
    the module. Raises InvalidArgument for fewer than 2 folds.
    """
    if folds < 2 or repeats < 1:
        raise InvalidArgument(
            f"cross-validation needs 2 or more folds and 1 or more repeats; got {folds}, {repeats}"
        )
    several = y.ndim == 2
    unit, borne = _several_units(y, groups) if several else _units(y, groups)
    tested = _several_tested(borne) if several else np.bincount(borne)[borne] > 1
    deal = _deal_several if several else _deal
    made: list[Fold] = []
    for repeat in range(repeats if tested.any() else 0):
        rng = np.random.default_rng([seed, repeat])
        fold_of = deal(borne, np.bincount(unit), tested, folds, rng)[unit]
        made += _folds_of(fold_of, folds, repeat)
    return SplitPlan(tuple(made), repeats if made else 0, np.flatnonzero(~tested[unit]))


def stratified_sample(y: NDArray[Any], count: int, rng: np.random.Generator) -> Indices:
    """About `count` of the examples of classes `y` `[n]`, or bool `[n, c]` of several labels,
    ascending: of each class a random part of like share, two at least where it has them; all where
    there are no more."""
    if len(y) <= count:
        return np.arange(len(y))
    shuffled = rng.permutation(len(y))
    if y.ndim == 2:
        return _several_sample(y, count, shuffled)
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    sizes = np.bincount(y)
    rank = np.arange(len(y)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    wanted = np.maximum(2, np.ceil(sizes * (count / len(y)))).astype(np.int64)
    return np.sort(order[rank < wanted[y[order]]])


def stratified_groups(
    y: NDArray[Any], groups: Indices, count: int, rng: np.random.Generator
) -> Indices:
    """The examples of whole groups `[n]`, about `count`, ascending: of the groups of each class a
    random part of like share, two at least where it has them; all where there are no more."""
    if len(y) <= count:
        return np.arange(len(y))
    if y.ndim == 2:
        unit, counts = _several_units(y, groups)
        owner, kinds = np.arange(len(counts)), counts > 0
    else:  # each class that a group has, so that a class in the minority everywhere is not lost
        unit, classes = np.unique(groups, return_inverse=True)[1].reshape(-1), int(y.max()) + 1
        owner, kinds = np.divmod(np.unique(unit * classes + y), classes)
    some = stratified_sample(kinds, math.ceil(count * len(kinds) / len(y)), rng)
    return np.flatnonzero(np.isin(unit, owner[some]))


def _several_sample(borne: NDArray[np.bool_], count: int, shuffled: Indices) -> Indices:
    """The first `count` of the shuffled examples, and those after them that bear a label of which
    fewer than two came before."""
    ordered = borne[shuffled]
    before = np.cumsum(ordered, axis=0, dtype=np.int32) - ordered
    needed: NDArray[np.bool_] = np.any(ordered & (before < 2), axis=1)
    needed[:count] = True
    return np.sort(shuffled[needed])


def _units(y: Indices, groups: Indices | None) -> tuple[Indices, Indices]:
    """The unit of each example, `[n]`, and the class of each unit, `[units]`."""
    if groups is None:
        return np.arange(len(y)), y
    unit = np.unique(groups, return_inverse=True)[1].reshape(-1)
    pairs, counts = np.unique(np.stack([unit, y]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))  # most frequent class of a unit first
    first = np.unique(pairs[0][order], return_index=True)[1]
    return unit, pairs[1][order][first]


def _deal(
    unit_class: Indices,
    size: Indices,
    tested: NDArray[np.bool_],
    folds: int,
    rng: np.random.Generator,
) -> Indices:
    """The fold of each unit; -1 for units that are never tested."""
    class_rank = rng.permutation(int(unit_class.max()) + 1)[unit_class]
    order = np.lexsort((rng.permutation(len(unit_class)), -size, class_rank))
    order = order[tested[order]]
    fold_of = np.full(len(unit_class), -1)
    fold_of[order] = np.arange(len(order)) % folds
    return fold_of


def _folds_of(fold_of: Indices, folds: int, repeat: int) -> list[Fold]:
    return [
        Fold(repeat, np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold))
        for fold in range(folds)
        if (fold_of == fold).any()
    ]


def _several_units(
    borne: NDArray[np.bool_], groups: Indices | None
) -> tuple[Indices, NDArray[Any]]:
    """The unit of each example, `[n]`, and how many examples of each unit bear each label,
    `[units, c]`."""
    if groups is None:
        return np.arange(len(borne)), borne
    unit = np.unique(groups, return_inverse=True)[1].reshape(-1)
    order = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[order], np.arange(int(unit[order[-1]]) + 1))
    return unit, np.add.reduceat(borne[order], starts, axis=0, dtype=np.int32)


def _several_tested(counts: NDArray[Any]) -> NDArray[np.bool_]:
    """Which units can be held out: those of whose every label another unit has examples."""
    alone = (counts > 0).sum(axis=0) == 1
    tested = ~(counts[:, alone] > 0).any(axis=1)
    enough = len(counts) >= MIN_UNITS and tested.sum() > 1
    return np.asarray(tested & enough)


def _deal_several(
    counts: NDArray[Any],
    size: Indices,
    tested: NDArray[np.bool_],
    folds: int,
    rng: np.random.Generator,
) -> Indices:
    """The fold of each unit; -1 for units that are never tested. Chance decides what is equal."""
    wanted = np.tile(counts[tested].sum(axis=0) / folds, (folds, 1))
    room = np.full(folds, size[tested].sum() / folds)
    order = rng.permutation(np.flatnonzero(tested))
    bears = [np.flatnonzero(row) for row in counts]
    ends = np.cumsum((counts[order] > 0).sum(axis=0))
    bearers = np.split(order[np.nonzero(counts[order].T)[1]], ends[:-1])
    left = (counts[tested] > 0).sum(axis=0) + rng.random(counts.shape[1])
    fold_of = np.full(len(counts), -1)

    def put(unit: int, lacks: NDArray[np.float64]) -> None:
        fold = int(np.lexsort((rng.random(folds), -room, -lacks))[0])
        fold_of[unit] = fold
        wanted[fold] -= counts[unit]
        room[fold] -= size[unit]
        left[bears[unit]] -= 1

    while (left >= 1).any():
        label = int(np.where(left >= 1, left, np.inf).argmin())
        for unit in bearers[label]:
            if fold_of[unit] < 0:
                put(int(unit), wanted[:, label])
    for unit in order[fold_of[order] < 0]:  # those without a label
        put(int(unit), room)
    return fold_of
