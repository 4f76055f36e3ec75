"""The answers of one label to many pictures: which are right, and what a threshold does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.detection.matching import judge
from graft.detection.overlap import Bools
from graft.detection.scene import Floats, Scene, bearing
from graft.scores import ClassScore, class_score


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """All answers of a label, most certain first: `scores` [d], which are `hits` [d], and how many
    `things` there were to find. Answers within crowds are not among them.

    Which of two answers has found a thing does not depend on less certain ones, so that the hits
    hold whatever threshold is set.
    """

    scores: Floats
    hits: Bools
    things: int

    def at(self, threshold: float) -> ClassScore:
        """Precision, recall and F1 where answers are given from a threshold on."""
        given = self.scores >= threshold
        return class_score(int(self.hits[given].sum()), int(given.sum()), self.things)


def outcomes_of_each(scenes: Sequence[Scene], labels: int) -> list[Outcomes]:
    """Judge the answers of each of `labels` labels to all pictures."""
    return [
        outcomes([scenes[number] for number in pictures], label)
        for label, pictures in enumerate(bearing(scenes, labels))
    ]


def outcomes(scenes: Sequence[Scene], label: int) -> Outcomes:
    """Judge a label's answers to all pictures."""
    found = [judge(scene, label) for scene in scenes]
    scores = np.concatenate([np.zeros(0), *(one.scores for one in found)])
    hits = np.concatenate([np.zeros(0, np.bool_), *(one.hits for one in found)])
    things = sum(
        int(((scene.truth.labels == label) & ~scene.truth.crowd).sum()) for scene in scenes
    )
    order = np.argsort(-scores, kind="stable")
    return Outcomes(scores[order], hits[order], things)
