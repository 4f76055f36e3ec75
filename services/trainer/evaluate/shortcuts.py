"""Shortcuts: what gives a class away without showing it, a mark or a background. Pure.

Both are looked for in the sketches alone, whatever the model learned: it may learn them tomorrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.data.sketch import SIDE, Sketches
from services.trainer.evaluate.backgrounds import look_around
from services.trainer.evaluate.intervals import wilson
from services.trainer.evaluate.marks import (
    FEWEST,
    OTHERS,
    Mark,
    detail,
    find_mark,
    stands_out,
)

Indices = NDArray[np.int64]
Floats = NDArray[np.float32]

MARK: Final = "mark"
BACKGROUND: Final = "background"
MAX_EXAMINED: Final = 32
"""Classes that are looked at closely: those whose pictures agree most where others differ."""
MAX_OWN: Final = 100
"""Pictures of a class that are looked at."""
MAX_POOL: Final = 400
"""Pictures of all classes that it is held against, but for its own."""
MAX_EXAMPLES: Final = 6
_SCREENED: Final = 20  # pictures of a class by which it is chosen for a closer look
_SURELY: Final = 0.9  # the border tells at least so much of the class, at the low end of 95%
_LEVELS: Final = 4.0


@dataclass(frozen=True)
class Shortcut:
    """`examples` (indices, the clearest first) show it in the region, in shares of the picture.

    `strength` is the share of the class that the region alone tells, at one false alarm in 50.
    """

    label: int
    kind: str
    left: float
    top: float
    width: float
    height: float
    strength: float
    examples: tuple[int, ...]


def find_shortcuts(sketches: Sketches, y: Indices, *, seed: int = 0) -> list[Shortcut]:
    """The shortcuts in sketches [n, SIDE, SIDE, 3] with class indices [n]; strongest first.

    At most one a class. Classes of fewer than FEWEST pictures, or with fewer than OTHERS others,
    are not judged.
    """
    if len(y) < FEWEST + OTHERS:
        return []
    order = np.random.default_rng(seed).permutation(len(y))
    pool = order[:MAX_POOL]
    pool_detail = detail(sketches[pool])
    found: list[Shortcut | None] = []
    for label in _examined(sketches, y, pool_detail.mean(0)):
        own = order[y[order] == label][:MAX_OWN]
        strange = y[pool] != label
        mark = find_mark(detail(sketches[own]), pool_detail[strange])
        if mark is not None and _agree(sketches[own], sketches[pool[strange]], mark):
            found.append(_marked(own, label, mark))
        elif mark is None:
            found.append(_surrounded(own, label, sketches, pool[strange]))
    return sorted((each for each in found if each is not None), key=lambda each: -each.strength)


def _examined(sketches: Sketches, y: Indices, middle: Floats) -> Sequence[int]:
    """The classes that have enough pictures; of too many, those that agree most within.

    A spot counts by (m_c - m)^2 / s_c^2: the mean of the class against that of all, in its spread.
    """
    labels, counts = np.unique(y, return_counts=True)
    enough = labels[(counts >= FEWEST) & (len(y) - counts >= OTHERS)]
    if len(enough) <= MAX_EXAMINED:
        return [int(label) for label in enough]
    marked = []
    for label in enough:
        own = detail(sketches[np.flatnonzero(y == label)[:_SCREENED]])
        spots = (own.mean(0) - middle) ** 2 / (own.var(0) + _LEVELS**2)
        marked.append(float(spots.mean(-1).max()))
    return [int(enough[at]) for at in np.argsort(marked)[::-1][:MAX_EXAMINED]]


def _agree(own: Sketches, others: Sketches, mark: Mark) -> bool:
    """Whether the pictures of the class differ less where the mark is than the others do.

    Else it is the others that bear one, which shows as soon as most of them do.
    """
    rows, columns = slice(mark.top, mark.bottom), slice(mark.left, mark.right)
    spreads = []
    for each in (own, others):
        levels = each[:, rows, columns].astype(np.float32)
        spreads.append(float(np.median(np.abs(levels - np.median(levels, 0)), 0).mean()))
    return spreads[0] < spreads[1]


def _marked(own: Indices, label: int, mark: Mark) -> Shortcut:
    return Shortcut(
        label=label,
        kind=MARK,
        left=mark.left / SIDE,
        top=mark.top / SIDE,
        width=(mark.right - mark.left) / SIDE,
        height=(mark.bottom - mark.top) / SIDE,
        strength=mark.share,
        examples=_clearest(own, mark.scores),
    )


def _surrounded(own: Indices, label: int, sketches: Sketches, others: Indices) -> Shortcut | None:
    """The background of a class, where it all but tells the class and the middle does not."""
    if len(others) < OTHERS:
        return None
    around = look_around(sketches[own], sketches[others])
    low = wilson(around.border * len(own), len(own))
    if low is None or low.low < _SURELY:
        return None
    if not stands_out(around.border, around.middle, len(own)):
        return None
    examples = _clearest(own, around.scores)
    return Shortcut(label, BACKGROUND, 0.0, 0.0, 1.0, 1.0, around.border, examples)


def _clearest(own: Indices, scores: NDArray[np.floating]) -> tuple[int, ...]:
    return tuple(int(own[at]) for at in np.argsort(-scores, kind="stable")[:MAX_EXAMPLES])
