"""How held-out answers are judged: of one label an item, or of several. Pure.

Answers are log probabilities float32 `[r, m, c]` to m items, each held out in r repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Calibration, Floats, log_sigmoid, log_softmax
from services.trainer.fitters.base import Truth, several
from services.trainer.search.calibrate import (
    deliver_temperature,
    fit_temperature,
    item_losses,
    temper,
)
from services.trainer.search.platt import fit_platt, log_odds
from services.trainer.search.thresholds import best_thresholds

_HALF: Final = np.float32(np.log(0.5))


class Judge(Protocol):
    """Knows what answers mean, and what they are worth."""

    def answers(self, logits: Floats) -> Floats:
        """The answers that logits `[n, c]` are."""

    def calibration(self, log_proba: Floats, y: Truth) -> Calibration:
        """The calibration with the lowest loss, by which candidates are compared."""

    def delivered(self, log_proba: Floats, y: Truth) -> Calibration:
        """The calibration that a head is delivered with, its thresholds included."""

    def calibrated(self, log_proba: Floats, calibration: Calibration) -> Floats:
        """The answers that a head with this calibration gives."""

    def losses(self, log_proba: Floats, y: Truth) -> NDArray[np.float64]:
        """The log loss of each item in each repeat, in nats: `[r, m]`."""

    def right(self, log_proba: Floats, y: Truth) -> NDArray[np.bool_]:
        """Whether each item is answered right in each repeat, `[r, m]`."""

    def averaged(self, answers: Sequence[Floats]) -> Floats:
        """The answers of a head whose logits are the mean of several heads' logits."""


class OneLabel:
    """Each item has one of c labels: `y` holds class indices `[m]`."""

    def answers(self, logits: Floats) -> Floats:
        return log_softmax(logits)

    def calibration(self, log_proba: Floats, y: Truth) -> Calibration:
        return Calibration(fit_temperature(log_proba, y))

    def delivered(self, log_proba: Floats, y: Truth) -> Calibration:
        return Calibration(deliver_temperature(log_proba, y))

    def calibrated(self, log_proba: Floats, calibration: Calibration) -> Floats:
        return temper(log_proba, calibration.temperature)

    def losses(self, log_proba: Floats, y: Truth) -> NDArray[np.float64]:
        return item_losses(log_proba, y)

    def right(self, log_proba: Floats, y: Truth) -> NDArray[np.bool_]:
        return np.asarray(log_proba.argmax(axis=2) == y)

    def averaged(self, answers: Sequence[Floats]) -> Floats:
        return temper(np.mean(answers, axis=0), 1.0)


class SeveralLabels:
    """Each item has any of c labels: `y` holds bool `[m, c]`. Each label is a question of its own;
    the loss is the mean over them, and an item is right where one half parts all of them rightly
    (the thresholds come last, and would flatter whom they were chosen by)."""

    def answers(self, logits: Floats) -> Floats:
        return log_sigmoid(logits)

    def calibration(self, log_proba: Floats, y: Truth) -> Calibration:
        return Calibration(*fit_platt(log_proba, y))

    def delivered(self, log_proba: Floats, y: Truth) -> Calibration:
        found = self.calibration(log_proba, y)
        proba = np.exp(self.calibrated(log_proba, found))
        return Calibration(found.temperature, found.offset, best_thresholds(proba, y))

    def calibrated(self, log_proba: Floats, calibration: Calibration) -> Floats:
        logits = log_odds(log_proba) / np.float32(calibration.temperature)
        return log_sigmoid(np.asarray(logits + np.float32(calibration.offset)))

    def losses(self, log_proba: Floats, y: Truth) -> NDArray[np.float64]:
        logits = log_odds(log_proba)
        of_truth = np.where(y, log_proba, log_proba - logits)  # log(1 - p) = log p - log odds
        return np.asarray(-of_truth.mean(axis=2, dtype=np.float64))

    def right(self, log_proba: Floats, y: Truth) -> NDArray[np.bool_]:
        return np.asarray(((log_proba >= _HALF) == y).all(axis=2))

    def averaged(self, answers: Sequence[Floats]) -> Floats:
        return log_sigmoid(np.mean([log_odds(one) for one in answers], axis=0))


ONE_LABEL: Final = OneLabel()
SEVERAL_LABELS: Final = SeveralLabels()


def judge_of(y: Truth) -> Judge:
    """The judge of answers to items of classes `[m]`, or that bear labels `[m, c]`."""
    return SEVERAL_LABELS if several(y) else ONE_LABEL
