"""Examples that are unlike all others, of their class and of the set. Pure.

How far an example lies off is the distance to its third nearest neighbour in the whole set
(Ramaswamy, Rastogi and Shim, 2000, "Efficient algorithms for mining outliers from large data
sets"): neither one copy nor a pair of strangers hides an outlier, and an example that is merely
mislabelled has near neighbours in another class and is none. What is usual is told by median and
absolute deviation, once over the set and once over the class, and the milder verdict counts; an
example is named from 3.5 deviations on (Iglewicz and Hoaglin, 1993, "How to detect and handle
outliers").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.common.heads.base import Floats, l2_normalise
from services.trainer.evaluate.neighbours import Indices, nearest, sample
from services.trainer.evaluate.opinion import Doubles

MAX_OUTLIERS = 50
CUTOFF = 3.5
NEIGHBOUR = 3
# Fewer examples do not tell what is usual for a class, or for a set.
MIN_CLASS = 8
# Above it a sample is looked at.
MAX_EXAMPLES = 20_000
# An example is compared with all of its class (up to this many) and with a sample of the others,
# as large as MAX_WORK multiplications allow: about a second on one core.
MAX_OF_CLASS = 500
MAX_WORK = 20_000_000_000


@dataclass(frozen=True)
class Outlier:
    """Item `item` of class `label`; `score` 0 to 1, a half at the cutoff; `reason`: a sentence."""

    item: int
    label: int
    score: float
    reason: str


def outliers(
    x: Floats, y: Indices, labels: Sequence[str], groups: Indices | None = None
) -> tuple[Outlier, ...]:
    """The examples that stand alone, most unlike first, at most MAX_OUTLIERS.

    `x` float32 `[n, d]`, `y` `[n]`, `groups` `[n]`: copies of one picture do not keep each other
    company.
    """
    kept = sample(len(y), MAX_EXAMPLES, 4)
    if len(kept) < MIN_CLASS:
        return ()
    own = kept if groups is None else groups[kept]
    distance = isolation(x[kept], y[kept], own)
    deviations = _deviations(distance, y[kept])
    listed = np.flatnonzero(deviations > CUTOFF)
    top = listed[np.argsort(-deviations[listed], kind="stable")][:MAX_OUTLIERS]
    usual = float(np.median(distance))
    return tuple(
        Outlier(
            int(kept[i]),
            int(y[kept[i]]),
            float(deviations[i] / (deviations[i] + CUTOFF)),
            _reason(labels[y[kept[i]]], float(distance[i]), usual),
        )
        for i in top
    )


def isolation(x: Floats, y: Indices, groups: Indices) -> Doubles:
    """The cosine distance of each of n > 1 examples to its third nearest neighbour, `[n]`, or to
    the farthest there is where there are fewer."""
    unit = l2_normalise(x)
    others = sample(len(y), _references(*unit.shape), 5)
    distance = np.zeros(len(y))
    order = np.argsort(y, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(y[order])) + 1):
        known = members[sample(len(members), MAX_OF_CLASS, 6)]
        references = np.union1d(known, others)
        found, cosine = nearest(unit, groups, members, references, NEIGHBOUR)
        reached = (found >= 0).sum(axis=1)
        last = np.take_along_axis(cosine, np.maximum(reached - 1, 0)[:, None], axis=1)[:, 0]
        distance[members] = np.where(reached > 0, np.maximum(1 - last, 0), 0.0)
    return distance


def _references(rows: int, dim: int) -> int:
    return int(min(rows, max(MAX_WORK // (rows * max(dim, 1)), MAX_OF_CLASS)))


def _deviations(distance: Doubles, y: Indices) -> Doubles:
    """How many robust deviations each distance is above what is usual, `[n]`."""
    found = _modified_z(distance)
    order = np.argsort(y, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(y[order])) + 1):
        if len(members) >= MIN_CLASS:
            found[members] = np.minimum(found[members], _modified_z(distance[members]))
    return found


def _modified_z(values: Doubles) -> Doubles:
    """By the median absolute deviation, or the mean one where more than half are equal."""
    off = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(off)))
    if spread <= 1e-6:
        spread = 1.2533 * float(np.abs(off).mean())
    return np.asarray(off / spread if spread > 1e-6 else np.zeros(len(values)))


def _reason(label: str, distance: float, usual: float) -> str:
    times = f"{distance / usual:.1f} times as far" if usual > 1e-6 else "far"
    return (
        f"It is {times} from the examples most like it as is usual here, whether they are called "
        f"{label} or not: keep it only if the model will meet such."
    )
