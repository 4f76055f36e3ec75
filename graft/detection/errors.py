"""What is wrong with boxes, sorted so that one sees what to do about it.

An answer is right when it has found a thing of its label (see matching). Of a wrong one, the thing
that it overlaps most tells what went wrong, things of any label looked at:

    duplicate    it has its place, and a thing of its label there, but a more certain answer has
                 found that already
    wrong place  that thing is of its label, but they overlap too little
    wrong class  that thing is of another label
    background   there is nothing: it overlaps no thing by LEAST

"Its place" means by SAME_PLACE. Of a thing of its label and one of another at equal overlap, its
label counts. A thing that no answer has found is missed, whatever lies near it.

The sorts are those of Hoiem, Chodpathumwan and Dai, 2012, "Diagnosing error in object detectors",
with the bounds of TIDE (Bolya, Foley, Hays and Hoffman, 2020): 0.1 and 0.5. TIDE keeps "both wrong
place and wrong class" apart, which is here wrong class, and counts as missed only what nothing lies
near; here hits and missed are all things together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final, Self

import numpy as np

from graft.detection.matching import SAME_PLACE, judge
from graft.detection.overlap import Bools, overlaps
from graft.detection.scene import Floats, Indices, Scene

LEAST: Final = 0.1
"""An overlap below this is none."""


class Kind(StrEnum):
    """What an answer that is given came to."""

    HIT = "hit"
    DUPLICATE = "duplicate"
    WRONG_PLACE = "wrong_place"
    WRONG_CLASS = "wrong_class"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: its place in the answer, its kind, and the place in the truth of the thing that
    it has found, or that tells what is wrong with it; -1 for background."""

    number: int
    kind: Kind
    thing: int


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """The answers to one picture that are given, by label and most certain first; which things
    [n] were `missed`."""

    findings: tuple[Finding, ...]
    missed: Bools


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """How many answers of each kind there are, and how many things were missed."""

    hit: int = 0
    duplicate: int = 0
    wrong_place: int = 0
    wrong_class: int = 0
    background: int = 0
    missed: int = 0

    def __add__(self, other: Self) -> ErrorCounts:
        names = [field.name for field in fields(self)]
        return ErrorCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})


def sort_scene(scene: Scene, thresholds: Floats) -> Sorted:
    """Sort the answers from their labels' thresholds [k] on. Those within crowds are left out."""
    near = overlaps(scene.answer.boxes, scene.truth.boxes)
    near[:, scene.truth.crowd] = 0.0
    missed = ~scene.truth.crowd
    findings: list[Finding] = []
    for label in np.unique(scene.answer.labels).tolist():
        judged = judge(scene, label)
        given = judged.scores >= thresholds[label]
        for number, taken in zip(judged.numbers[given], judged.taken[given], strict=True):
            if taken >= 0:
                missed[taken] = False
                findings.append(Finding(int(number), Kind.HIT, int(taken)))
            else:
                findings.append(_wrong(int(number), label, near[number], scene.truth.labels))
    return Sorted(tuple(findings), missed)


def _wrong(number: int, label: int, near: Floats, labels: Indices) -> Finding:
    """What is wrong with an answer that overlaps the things by `near` [n]."""
    own = np.where(labels == label, near, -1.0)
    same = int(own.argmax()) if len(own) else -1
    if same >= 0 and own[same] >= SAME_PLACE:  # a free one would have been found
        return Finding(number, Kind.DUPLICATE, same)
    if not len(near) or near.max() < LEAST:
        return Finding(number, Kind.BACKGROUND, -1)
    if own[same] >= near.max():
        return Finding(number, Kind.WRONG_PLACE, same)
    return Finding(number, Kind.WRONG_CLASS, int(near.argmax()))


def count_errors(scenes: Sequence[Scene], thresholds: Floats) -> list[ErrorCounts]:
    """Count by the label of the answer, and of the thing that was missed, [k]."""
    counts = [ErrorCounts() for _ in thresholds]
    for scene in scenes:
        found = sort_scene(scene, thresholds)
        for finding in found.findings:
            counts[scene.answer.labels[finding.number]] += ErrorCounts(**{finding.kind.value: 1})
        for label in scene.truth.labels[found.missed]:
            counts[label] += ErrorCounts(missed=1)
    return counts
