"""A network with one hidden layer, for classes of many examples whose borders are not straight.

    logits = relu(z H + h) O + b

Trained with Adam (Kingma and Ba, 2015) on mini-batches with weight decay (Loshchilov and Hutter,
2019), dropout of hidden units (Srivastava et al., 2014), and early stopping on a tenth of the
examples; networks of several seeds are averaged (their logits), which is worth more than any one
of them tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from services.common.heads.base import log_softmax, softmax
from services.trainer.fitters.base import Doubles, FitError, Indices, log_prior

UNITS = 64
SEEDS = 3
DROPOUT = 0.5
DECAY = 1e-2
RATE = 3e-3
BATCH = 64
MAX_EPOCHS = 60
PATIENCE = 8
"""Epochs without a lower loss on the part held back, after which training ends."""
HELD_BACK = 0.1
_BETA = (0.9, 0.999)


@dataclass(frozen=True)
class MlpFit:
    """Networks side by side; `hidden` `[r, k]`, `hidden_bias` `[k]`, `output` `[k, c]` (their
    average), `bias` `[c]`."""

    hidden: Doubles
    hidden_bias: Doubles
    output: Doubles
    bias: Doubles

    def logits(self, z: Doubles) -> Doubles:
        """Logits `[n, c]` of rows `[n, r]`."""
        active = np.maximum(z @ self.hidden + self.hidden_bias, 0)
        return np.asarray(active @ self.output + self.bias)


def fit_mlp(
    z: Doubles,
    y: Indices,
    classes: int,
    *,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> MlpFit:
    """The fit of rows `[n, r]` with class indices `[n]`.

    `check` is called every epoch and may raise to stop. Raises FitError when the loss of a network
    was never a number.
    """
    mean = z.mean(axis=0)
    # One scale for all coordinates: rows of about the length that the initial weights are made for.
    scale = float(np.sqrt(np.mean(np.sum((z - mean) ** 2, axis=1)) / z.shape[1])) or 1.0
    rows = (z - mean) / scale
    found = [
        _train(rows, y, classes, np.random.default_rng([seed, number]), check)
        for number in range(SEEDS)
    ]
    hidden = np.concatenate([one[0] for one in found], axis=1) / scale
    hidden_bias = np.concatenate([one[1] for one in found]) - mean @ hidden
    output = np.concatenate([one[2] for one in found]) / SEEDS
    shift = -log_prior(np.bincount(y, minlength=classes))
    bias = np.mean([one[3] for one in found], axis=0) + shift
    if not all(np.isfinite(part).all() for part in (hidden, hidden_bias, output, bias)):
        raise FitError("the network did not converge")
    return MlpFit(hidden, hidden_bias, output, bias)


@dataclass
class _Adam:
    """The state of the optimiser for one network."""

    weights: list[Doubles]
    step: int = 0
    first: list[Doubles] = field(default_factory=list)
    second: list[Doubles] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = [np.zeros_like(w) for w in self.weights]
        self.second = [np.zeros_like(w) for w in self.weights]

    def update(self, gradients: list[Doubles]) -> None:
        """One step against `gradients`; matrices decay, biases do not."""
        self.step += 1
        one, two = _BETA
        rate = RATE * np.sqrt(1 - two**self.step) / (1 - one**self.step)
        for w, g, m, v in zip(self.weights, gradients, self.first, self.second, strict=True):
            m += (1 - one) * (g - m)
            v += (1 - two) * (g * g - v)
            if w.ndim > 1:
                w *= 1 - RATE * DECAY
            w -= rate * m / (np.sqrt(v) + 1e-8)


def _train(
    rows: Doubles,
    y: Indices,
    classes: int,
    rng: np.random.Generator,
    check: Callable[[], None],
) -> list[Doubles]:
    order = rng.permutation(len(y))
    back = max(1, int(HELD_BACK * len(y)))
    held, train = order[:back], order[back:]
    weights = [
        rng.normal(0, np.sqrt(2 / rows.shape[1]), (rows.shape[1], UNITS)),
        np.zeros(UNITS),
        rng.normal(0, np.sqrt(1 / UNITS), (UNITS, classes)),
        np.zeros(classes),
    ]
    adam = _Adam(weights)
    best, kept, waited = np.inf, [w.copy() for w in weights], 0
    for _ in range(MAX_EPOCHS):
        check()
        mixed = rng.permutation(train)
        for start in range(0, len(mixed), BATCH):
            some = mixed[start : start + BATCH]
            adam.update(_gradients(weights, rows[some], y[some], rng))
        loss = _loss(weights, rows[held], y[held])
        if loss < best:
            best, kept, waited = loss, [w.copy() for w in weights], 0
        else:
            waited += 1
            if waited >= PATIENCE:
                break
    if not np.isfinite(best):
        raise FitError("the network did not converge")
    return kept


def _gradients(
    weights: list[Doubles], z: Doubles, y: Indices, rng: np.random.Generator
) -> list[Doubles]:
    hidden, hidden_bias, output, bias = weights
    raw = z @ hidden + hidden_bias
    mask = (rng.random(raw.shape) >= DROPOUT) / (1 - DROPOUT)
    active = np.maximum(raw, 0) * mask
    error = softmax(active @ output + bias)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    back = (error @ output.T) * mask * (raw > 0)
    return [z.T @ back, back.sum(axis=0), active.T @ error, error.sum(axis=0)]


def _loss(weights: list[Doubles], z: Doubles, y: Indices) -> float:
    hidden, hidden_bias, output, bias = weights
    logits = np.maximum(z @ hidden + hidden_bias, 0) @ output + bias
    return float(-log_softmax(logits)[np.arange(len(y)), y].mean())
