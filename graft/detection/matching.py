"""Which thing each answer has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.detection.overlap import Bools, overlaps
from graft.detection.scene import Floats, Indices, Scene

SAME_PLACE: Final = 0.5
"""An answer has found a thing that it overlaps at least so much."""
_FULL: Final = 1 - 1e-10  # what a threshold of 1 asks for: rounding may leave less of the same box


def match(overlap: Floats, thresholds: Floats, *, crowd: Bools, aside: Bools) -> Indices:
    """The thing that each answer takes, int [t, d], -1 for none, at each of `thresholds` [t].

    `overlap` [d, g] is of answers, most certain first, with things. In this order each takes the
    thing that it overlaps most, and at least by the threshold, of those not taken before; a
    `crowd` [g] may be taken again and again, and what is set `aside` [g], crowds among it, only
    where nothing else can be. Of equals the last. This is COCO's matching.
    """
    answers, things = overlap.shape
    taken = np.full((len(thresholds), answers), -1, np.int64)
    if not things:
        return taken
    order = np.argsort(aside, kind="stable")[::-1]  # argmax finds the first of equals
    turned, reuse, later = overlap[:, order], crowd[order], aside[order]
    floor = np.minimum(thresholds, _FULL)
    free = np.ones((len(thresholds), things), np.bool_)
    for number in np.flatnonzero(overlap.max(axis=1) >= floor.min()):
        own = turned[number]
        can = (own >= floor[:, None]) & free
        first = can & ~later
        can = np.where(first.any(axis=1)[:, None], first, can)
        found = np.flatnonzero(can.any(axis=1))
        best = np.where(can, own, -1.0).argmax(axis=1)[found]
        taken[found, number] = order[best]
        free[found, best] = reuse[best]
    return taken


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The answers of one label to one picture, most certain first, at SAME_PLACE.

    `numbers` [d] are their places in the answer, `taken` [d] the place in the truth of the thing
    that each has found, -1 for none. One that lies in a crowd is not among them.
    """

    numbers: Indices
    scores: Floats
    taken: Indices

    @property
    def hits(self) -> Bools:
        """Which have found a thing, bool [d]."""
        return self.taken >= 0


def judge(scene: Scene, label: int) -> Judgement:
    """Judge the answers of a label by the things of that label."""
    numbers = ranked(scene, label)
    things = np.flatnonzero(scene.truth.labels == label)
    crowd = scene.truth.crowd[things]
    overlap = overlaps(scene.answer.boxes[numbers], scene.truth.boxes[things], crowd)
    taken = match(overlap, np.array([SAME_PLACE]), crowd=crowd, aside=crowd)[0]
    counts = np.append(~crowd, True)[taken]  # the last place stands for none
    where = np.append(things, -1)[taken[counts]]
    return Judgement(numbers[counts], scene.answer.scores[numbers[counts]], where)


def ranked(scene: Scene, label: int) -> Indices:
    """The places of the answers of a label, most certain first, of equals the first."""
    numbers = np.flatnonzero(scene.answer.labels == label)
    return numbers[np.argsort(-scene.answer.scores[numbers], kind="stable")]
