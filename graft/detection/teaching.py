"""Which pictures would teach a detector most if somebody drew the boxes in them.

A picture is worth the corrections that a person is expected to make to the model's answer, for
scores are probabilities of being right: of each object that is answered, one with the probability
that it is wrong; of each that is doubtful, one with the probability that it is right. That is the
sum over detections by which Brust, Kaeding and Denzler (2019, "Active learning for deep object
detection") rank pictures. Something unknown is one correction.

Two pictures that look alike teach little more than one of them. So pictures are taken one by one,
each time the one with the greatest product of its worth and its distance from those taken before:
the greedy k-centre of Gonzalez (1985), which Sener and Savarese (2018, "Active learning for
convolutional neural networks: a core-set approach") take for labelling, weighted by the worth.

benchmarks/detect_assist.py simulates what that spares. With 17 and 25 pictures of one class it has
not shown a saving over a random choice: its results are kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.detection.overlap import Bools
from graft.detection.scene import Floats, Indices

MAX_APART: Final = 1_000
"""So many pictures are kept apart from each other; those behind them go by their worth alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """What a model answered to a picture: `given` [m] and `doubtful` [k] scores, 0 to 1, and which
    of those given are `unknown` [m]."""

    given: Floats
    unknown: Bools
    doubtful: Floats

    def corrections(self) -> float:
        """How many corrections are expected of a person."""
        wrong = np.where(self.unknown, 1.0, 1.0 - self.given)
        return float(wrong.sum() + self.doubtful.sum())


def worths(guesses: Sequence[Guess]) -> Floats:
    """What each picture is worth, [n]: the corrections that are expected.

    Where nothing was found at all the model may be blind to what is there: such a picture is worth
    at least the share of pictures in which something was found (by Laplace's rule of succession).
    """
    found = np.array([len(one.given) > 0 for one in guesses], np.bool_)
    blind = (found.sum() + 1) / (len(guesses) + 2)
    own = np.array([one.corrections() for one in guesses], np.float64)
    return np.where(found, own, np.maximum(own, blind))


def teaching_order(worth: Floats, vectors: Floats) -> Indices:
    """The pictures, most instructive first, [n]: by what each is worth, `[n]`, and by how far its
    vector `[n, d]` is in angle from those before it."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    far = np.ones(len(worth))  # from nothing
    left = np.ones(len(worth), np.bool_)
    order: list[int] = []
    while len(order) < min(MAX_APART, len(worth)):
        # Where nothing is worth anything, what is farthest.
        rank = np.lexsort((far, worth * far, left))
        taken = int(rank[-1])
        order.append(taken)
        left[taken] = False
        far = np.minimum(far, np.maximum(1.0 - unit @ unit[taken], 0.0))
    rest = np.flatnonzero(left)
    return np.array([*order, *rest[np.argsort(-worth[rest], kind="stable")]], np.int64)
