"""Where to cut two backbones, one of images and one of texts, whose vectors are joined. Pure.

The blocks of a part are scaled together to one length, whatever its vectors' dimensions and however
many of its endpoints are joined, so that neither part drowns the other; how much less one of them
may weigh is decided by the data. First the cut of one part is chosen beside the last layer of the
other, then that of the other beside it, then the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from services.trainer.search.cuts import LAST, Cut, candidate_cuts

STEPS: Final = 3
"""Rounds of cuts, each of which begins from the best of those before."""
LESS: Final = 0.5
"""The length of a part that weighs less, where the other has 1."""
_BETWEEN: Final = ":"


def named(part: str, endpoint: str) -> str:
    """What an endpoint of the backbone of a part is called beside those of the other one."""
    return f"{part}{_BETWEEN}{endpoint}"


def split(name: str) -> tuple[str, str]:
    """The part and the endpoint of a name."""
    part, _, endpoint = name.partition(_BETWEEN)
    return part, endpoint


def by_part(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The endpoints of each part, in their order."""
    found: dict[str, tuple[str, ...]] = {}
    for part, endpoint in map(split, names):
        found[part] = (*found.get(part, ()), endpoint)
    return found


def last_of(names: Sequence[str]) -> Cut:
    """The last layers of both."""
    return _join([_of_part(part, LAST) for part in by_part(names)])


def cuts_of(names: Sequence[str], step: int, best: Cut) -> tuple[Cut, ...]:
    """The cuts of one round, given the best so far; `names` are those of all endpoints, from early
    to late in each part."""
    endpoints = by_part(names)
    parts = list(endpoints)
    mine = {part: _keep(best, part) for part in parts}
    if step < len(parts):
        part = parts[step]
        tried = candidate_cuts(endpoints[part])
        fresh = tried if step == 0 else tried[1:]  # the last layer is in the best so far
        return tuple(_join([*({**mine, part: _of_part(part, cut)}).values()]) for cut in fresh)
    return tuple(
        _join([_scaled(cut, LESS) if one == part else cut for one, cut in mine.items()])
        for part in parts
    )


def count_of(names: Sequence[str]) -> int:
    """How many cuts all rounds try."""
    endpoints = by_part(names)
    return sum(len(candidate_cuts(some)) for some in endpoints.values()) + 1


def _of_part(part: str, cut: Cut) -> Cut:
    """A cut of one backbone, its blocks together of length 1."""
    whole = math.sqrt(sum(length**2 for length in cut.lengths))
    return _scaled(Cut(tuple(named(part, name) for name in cut.endpoints), cut.lengths), 1 / whole)


def _keep(cut: Cut, part: str) -> Cut:
    """What a cut has of one part."""
    kept = [
        (name, length)
        for name, length in zip(cut.endpoints, cut.lengths, strict=True)
        if split(name)[0] == part
    ]
    return Cut(tuple(name for name, _ in kept), tuple(length for _, length in kept))


def _scaled(cut: Cut, factor: float) -> Cut:
    return Cut(cut.endpoints, tuple(round(factor * length, 3) for length in cut.lengths))


def _join(cuts: Sequence[Cut]) -> Cut:
    names = tuple(name for cut in cuts for name in cut.endpoints)
    return Cut(names, tuple(length for cut in cuts for length in cut.lengths))
