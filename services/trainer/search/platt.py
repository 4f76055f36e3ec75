"""From held-out answers to the slope and offset that make probabilities of them. Pure.

Of several labels each is answered by itself, and a score that says nothing leans towards the share
of the label instead of one half: beside the slope (one over a temperature) an offset is needed
(Platt, 1999, "Probabilistic outputs for support vector machines and comparisons to regularized
likelihood methods"). Both are shared by all labels, so that a label of two examples has one too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from services.common.heads.base import Floats, log_sigmoid

MIN_TEMPERATURE: Final = 0.05
MAX_TEMPERATURE: Final = 20.0
MAX_ANSWERS: Final = 2_000_000
"""Answers that the two numbers are fitted to; of more, every second, third, ..."""


def log_odds(log_proba: Floats) -> Floats:
    """log(p / (1 - p)) of log p, of any shape: exact in both tails, as long as p is not 1."""
    tiny = np.float32(np.finfo(np.float32).tiny)
    return np.asarray(log_proba - np.log(np.maximum(-np.expm1(log_proba), tiny)))


def fit_platt(log_proba: Floats, borne: NDArray[np.bool_]) -> tuple[float, float]:
    """The temperature and the offset with the lowest mean log loss of answers `[r, m, c]` to m
    items that bear labels `[m, c]`: log odds / temperature + offset.

    A label that is borne counts (p + 1) / (p + 2), one that is not 1 / (q + 2), with p and q the
    numbers of both (Platt's): a few answers that are all right do not make a head certain.
    """
    step = -(-log_proba.size // MAX_ANSWERS)
    scores = log_odds(log_proba).ravel()[::step].astype(np.float64)
    truth = np.broadcast_to(borne, log_proba.shape).ravel()[::step]
    yes = int(borne.sum())
    target = np.where(truth, (yes + 1) / (yes + 2), 1 / (borne.size - yes + 2))

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(at[0])
        logits = slope * scores + at[1]
        log_yes = log_sigmoid(logits)
        gap = np.exp(log_yes) - target
        value = float((logits - log_yes - target * logits).mean())
        return value, np.array([slope * (gap * scores).mean(), gap.mean()])

    bounds = [(-np.log(MAX_TEMPERATURE), -np.log(MIN_TEMPERATURE)), (None, None)]
    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(-found[0])), float(found[1])
