"""How well answers tell how many things a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graft.detection.scene import Floats, Indices, Scene


@dataclass(frozen=True, slots=True)
class CountScore:
    """Of one label over `pictures` > 0 pictures: how far the counts are off on average, `bias`
    with its sign (above 0 where too many are counted), and the share counted right.

    `things` were there and `answers` counted.
    """

    mean_absolute_error: float
    bias: float
    exact: float
    things: int
    answers: int
    pictures: int


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Things there are and answers given, both [pictures, k]; `known` [pictures, k] is False where
    a crowd hides how many there are."""

    things: Indices
    answers: Indices
    known: npt.NDArray[np.bool_]

    def score(self, label: int) -> CountScore | None:
        """How well a label is counted; None where no picture tells."""
        known = self.known[:, label]
        if not known.any():
            return None
        things, answers = self.things[known, label], self.answers[known, label]
        off = answers - things
        return CountScore(
            mean_absolute_error=float(np.abs(off).mean()),
            bias=float(off.mean()),
            exact=float((off == 0).mean()),
            things=int(things.sum()),
            answers=int(answers.sum()),
            pictures=int(known.sum()),
        )


def tally(scenes: Sequence[Scene], thresholds: Floats) -> Tally:
    """Count the answers from their labels' thresholds [k] on, and the things."""
    labels = len(thresholds)
    shape = (len(scenes), labels)
    things, answers = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    known = np.ones(shape, np.bool_)
    for number, (truth, answer) in enumerate((one.truth, one.answer) for one in scenes):
        given = answer.scores >= thresholds[answer.labels]
        things[number] = np.bincount(truth.labels[~truth.crowd], minlength=labels)
        answers[number] = np.bincount(answer.labels[given], minlength=labels)
        known[number, truth.labels[truth.crowd]] = False
    return Tally(things, answers, known)
