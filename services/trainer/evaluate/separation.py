"""How far the classes stand apart, in one number and one sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.common.heads.base import Floats, l2_normalise
from services.trainer.evaluate.neighbours import Indices, sample

# The silhouette is a mean, known to a hundredth from far fewer examples than these.
MAX_EXAMPLES = 20_000
# Multiplications for the silhouette: about a second on one core.
MAX_WORK = 20_000_000_000
_ROWS = 4096
_ROUNDING = 1e-6  # a distance of float32 cosines below it is none
_APART, _PARTLY = 0.75, 0.4
# 0.1 and below: an example is hardly nearer to its own class than to the next.
_MINGLED = 0.1


@dataclass(frozen=True)
class Separation:
    """`score`: 0 where the answers are guesses, 1 where they are certain: one minus `entropy` (in
    nats) as a share of the largest possible. `silhouette`: -1 to 1. `sentence`: what to do."""

    score: float
    entropy: float
    silhouette: float
    sentence: str


def separation(
    log_proba: Floats, classes: int, x: Floats | None = None, y: Indices | None = None
) -> Separation:
    """Of held-out log probabilities `[r, m, classes]`, m > 0, and all embeddings float32 `[n, d]`
    with their classes `y` `[n]`, where the silhouette is wanted (0 without)."""
    entropy = mean_entropy(log_proba)
    most = float(np.log(max(classes, 2)))
    score = float(np.clip(1 - entropy / most, 0, 1))
    width = silhouette(x, y) if x is not None and y is not None else 0.0
    known = x is not None
    return Separation(score, entropy, width, _sentence(score, entropy, classes, width, known))


def mean_entropy(log_proba: Floats) -> float:
    """The mean entropy in nats of answers `[..., c]`; 0 for none."""
    flat = log_proba.reshape(-1, log_proba.shape[-1])
    total = 0.0
    for start in range(0, len(flat), _ROWS):
        block = flat[start : start + _ROWS].astype(np.float64)
        proba = np.exp(block)
        total -= float((proba * np.where(proba > 0, block, 0.0)).sum())
    return max(total, 0.0) / max(len(flat), 1)


def silhouette(x: Floats, y: Indices) -> float:
    """The mean silhouette coefficient by cosine distance of embeddings `[n, d]` in classes `[n]`.

    Rousseeuw (1987), "Silhouettes: a graphical aid to the interpretation and validation of cluster
    analysis": (b - a) / max(a, b), a the mean distance to the others of the class, b that to the
    nearest other class; 0 for the only one of a class. The mean cosine distance to a class is one
    minus the product with the mean of its unit vectors, so that no pair is ever formed. Above
    MAX_EXAMPLES a sample stands for all. 0 where fewer than two classes are there.
    """
    kept = sample(len(y), MAX_EXAMPLES, 2)
    unit = l2_normalise(x[kept])
    present, own = np.unique(y[kept], return_inverse=True)
    if len(present) < 2:
        return 0.0
    count = np.bincount(own)
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(len(present)))
    total = np.add.reduceat(unit[order], starts, axis=0, dtype=np.float32)
    limit = max(MAX_WORK // (len(present) * max(unit.shape[1], 1)), 1)
    shown = sample(len(unit), limit, 3)
    values = [
        _widths(unit[shown[i : i + _ROWS]], own[shown[i : i + _ROWS]], total, count)
        for i in range(0, len(shown), _ROWS)
    ]
    return float(np.concatenate(values).mean())


def _widths(unit: Floats, own: Indices, total: Floats, count: Indices) -> Floats:
    rows = np.arange(len(unit))
    near = (unit @ total.T).astype(np.float64)
    length = (unit * unit).sum(axis=1)
    within = (near[rows, own] - length) / np.maximum(count[own] - 1, 1)
    near /= count
    near[rows, own] = -np.inf
    a, b = np.maximum(1 - within, 0), np.maximum(1 - near.max(axis=1), 0)
    larger = np.maximum(a, b)
    width = np.where(larger > _ROUNDING, (b - a) / np.maximum(larger, _ROUNDING), 0.0)
    return np.asarray(np.where(count[own] > 1, width, 0.0))


def _sentence(score: float, entropy: float, classes: int, width: float, known: bool) -> str:
    """exp(entropy) is the number of equally likely classes that would be as uncertain."""
    wavers = (
        f"For an example that it has not seen the model wavers between about {np.exp(entropy):.1f} "
        f"of the {classes:,} classes on average"
    )
    if score >= _APART:
        return f"{wavers}: the classes stand well apart. Nothing needs to be done about them."
    if score >= _PARTLY:
        return (
            f"{wavers}: some classes lie close to each other. Look at what is mixed up with what; "
            "merge those pairs, or add examples of just them."
        )
    advice = "add examples that show the thing larger and from more sides, or merge classes"
    if known and width < _MINGLED:
        advice += "; to this backbone the classes look much the same, so another may do better"
    return f"{wavers}: it is often guessing. Before anything else, {advice}."
