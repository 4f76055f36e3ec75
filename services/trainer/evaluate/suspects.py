"""Labels that are probably wrong, most doubtful first. Pure.

Two witnesses are heard, both of which did not see the label that they judge:

1. The head's held-out answers: the log odds that another class fits better than the label, each
   class measured against what it usually gets from its own examples (the thresholds of confident
   learning: Northcutt, Jiang and Chuang, 2021, "Confident Learning: Estimating Uncertainty in
   Dataset Labels"), so that a class that is always doubtful does not fill the list.
2. A ridge regression of the classes on the embeddings, each example left out of it exactly, every
   class with the same weight in it, and every example with a weight that the first witness grants
   its label: unlike the head, it was taught by the labels that are probably right.

Both are brought to the same spread and averaged. Measured with one label in ten flipped (165 draws:
six photo sets, three backbones, 10 and 25 examples a class, five seeds): mean average precision
0.68, where the best of cleanlab's rankings of the same held-out probabilities has 0.64.
`benchmarks/suspects.py` repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.common.heads.base import Floats, l2_normalise
from services.trainer.evaluate.neighbours import Indices, nearest, sample
from services.trainer.evaluate.opinion import Doubles, left_out_scores, worth_it

MAX_SUSPECTS = 100
NEIGHBOURS = 5
# Neighbours are sought among so many examples.
MAX_COMPARED = 20_000
# Half: the other class fits as well as the label.
LISTED_ABOVE = 0.5
_LEAST = float(np.finfo(np.float32).tiny)
_NOTHING = 1e-6  # a witness whose answers differ by less has nothing to say


@dataclass(frozen=True)
class Suspect:
    """Item `item` (an index of the caller's) bears class `label`; `suggested` fits better.

    `score`: 0 to 1, above a half where the other class fits better. `reason`: a sentence.
    """

    item: int
    label: int
    suggested: int
    score: float
    reason: str


@dataclass(frozen=True)
class Doubts:
    """For each of m items how doubtful its label is, 0 to 1, and which other class fits best."""

    score: Doubles
    suggested: Indices


def doubts(log_proba: Floats, items: Indices, y: Indices, x: Floats | None = None) -> Doubts:
    """The doubt about the labels of the examples `items` `[m]`, m > 0.

    `log_proba` `[r, m, c]`, c > 1: the held-out answers to them; `y` `[n]`: the labels of all
    examples; `x` float32 `[n, d]`: all embeddings, where the second witness shall be heard.
    """
    proba = np.exp(log_proba.astype(np.float64)).mean(axis=0)
    log_mean = np.log(np.maximum(proba, _LEAST))
    head = log_mean - np.log(_usual(proba, y[items]))
    odds, other = _against(head, y[items])
    first = Doubts(_logistic(odds), other)
    if x is None or not worth_it(len(y), *proba.shape):
        return first
    trust = np.ones(len(y))
    trust[items] -= _logistic(_against(log_mean, y[items])[0])
    second = left_out_scores(x, y, proba.shape[1], trust, items)
    return _both(first, head, second, y[items])


def _both(first: Doubts, head: Doubles, second: Doubles, y: Indices) -> Doubts:
    """The mean of both, the differences of the second made as wide as the log odds of the first."""
    odds, further = _against(head, y)[0], _against(second, y)[0]
    if further.std() < _NOTHING:
        return first
    both, suggested = _against(head + second * (odds.std() / further.std()), y)
    return Doubts(_logistic(both / 2), suggested)


def _usual(proba: Doubles, y: Indices) -> Doubles:
    """The mean probability that each class gets from its own examples; 1 for none, `[c]`."""
    count = np.bincount(y, minlength=proba.shape[1])
    total = np.bincount(y, proba[np.arange(len(y)), y], minlength=proba.shape[1])
    return np.maximum(np.where(count > 0, total / np.maximum(count, 1), 1.0), _LEAST)


def _against(scores: Doubles, y: Indices) -> tuple[Doubles, Indices]:
    """How far the best other class is above the label, `[m]`, and which it is."""
    rows = np.arange(len(y))
    others = scores.copy()
    others[rows, y] = -np.inf
    best = others.argmax(axis=1)
    return others[rows, best] - scores[rows, y], best


def _logistic(odds: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def suspects(
    log_proba: Floats,
    items: Indices,
    y: Indices,
    labels: Sequence[str],
    x: Floats | None = None,
    groups: Indices | None = None,
) -> tuple[Suspect, ...]:
    """The labels to look at, most doubtful first, at most MAX_SUSPECTS.

    Arguments as for `doubts`; `groups` `[n]` tells copies of one picture, which do not count among
    each other's neighbours.
    """
    if not len(items):
        return ()
    found = doubts(log_proba, items, y, x)
    listed = np.flatnonzero(found.score > LISTED_ABOVE)
    top = listed[np.argsort(-found.score[listed], kind="stable")][:MAX_SUSPECTS]
    proba = np.exp(log_proba[:, top].astype(np.float64)).mean(axis=0)
    around = _around(x, y, groups, items[top])
    return tuple(
        Suspect(
            item=int(items[i]),
            label=int(y[items[i]]),
            suggested=int(found.suggested[i]),
            score=float(found.score[i]),
            reason=_reason(
                labels, int(y[items[i]]), int(found.suggested[i]), proba[at], around[at]
            ),
        )
        for at, i in enumerate(top)
    )


def _around(x: Floats | None, y: Indices, groups: Indices | None, top: Indices) -> list[Indices]:
    """The classes of the nearest neighbours of each of `top`, of MAX_COMPARED examples at most."""
    if x is None or not len(top):
        return [np.zeros(0, np.int64) for _ in top]
    kept = np.union1d(sample(len(y), MAX_COMPARED, 7), top)
    own = kept if groups is None else groups[kept]
    queries = np.searchsorted(kept, top)
    near, _ = nearest(l2_normalise(x[kept]), own, queries, np.arange(len(kept)), NEIGHBOURS)
    return [y[kept[row[row >= 0]]] for row in near]


def _reason(
    labels: Sequence[str], label: int, suggested: int, proba: Doubles, around: Indices
) -> str:
    said = (
        f"A model that had not seen it gives {labels[suggested]} {_chance(proba[suggested])} and "
        f"{labels[label]}, its label, {_chance(proba[label])}"
    )
    if not len(around):
        return f"{said}."
    own, other = int((around == label).sum()), int((around == suggested).sum())
    verb = "is" if other == 1 else "are"
    return (
        f"{said}; of the {len(around)} examples most like it {other} {verb} labelled "
        f"{labels[suggested]} and {own} {labels[label]}."
    )


def _chance(share: float) -> str:
    if share < 0.01:
        return "less than 1%"
    return "more than 99%" if share > 0.99 else f"{100 * share:.0f}%"
