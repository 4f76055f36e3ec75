"""From which score on boxes are answered.

Answers of one score cannot be told apart: a threshold gives all of them or none. So only scores
that occur are thresholds, each with all answers from it on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.detection.outcomes import Outcomes
from graft.detection.scene import Floats


@dataclass(frozen=True, slots=True)
class Choice:
    """A threshold, and what it brings on the answers that chose it, which flatters it."""

    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What every threshold would bring, all [t]: the scores that occur, greatest first."""

    thresholds: Floats
    precision: Floats
    recall: Floats
    f1: Floats

    @classmethod
    def of(cls, found: Outcomes) -> Curve:
        """The curve of a label's answers; empty where none is given or there is nothing to find."""
        if not len(found.scores) or not found.things:
            return cls(*(np.zeros(0) for _ in range(4)))
        last = np.append(found.scores[1:] != found.scores[:-1], True)  # of those of one score
        right = np.cumsum(found.hits)[last]
        given = np.flatnonzero(last) + 1
        return cls(
            found.scores[last],
            right / given,
            right / found.things,
            2 * right / (given + found.things),
        )

    def _choice(self, number: int) -> Choice:
        columns = (self.thresholds, self.precision, self.recall, self.f1)
        return Choice(*(float(column[number]) for column in columns))

    def best_f1(self) -> Choice | None:
        """The threshold with the best F1, of equals the greatest; None where no answer is right."""
        if not self.f1.any():
            return None
        return self._choice(int(self.f1.argmax()))

    def for_precision(self, wanted: float) -> Choice | None:
        """The threshold that finds most with at least this share of answers right; None where no
        threshold does. A greater one may fall short of it: precision is no steady thing."""
        reached = np.flatnonzero(self.precision >= wanted)
        return self._choice(int(reached[-1])) if len(reached) else None
