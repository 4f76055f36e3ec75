"""How well strange inputs are told from known ones: classes are treated as unknown in turn.

A head and a subspace that never saw a group of classes score its examples beside held-out ones of
the other classes. What is reported is how often the strange one of such a pair scores lower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.errors import Internal
from services.common.heads.base import Floats
from services.common.heads.familiarity import Familiarity
from services.common.heads.link import SOFTMAX
from services.trainer.data.split import Fold, SplitPlan
from services.trainer.fitters.base import Doubles, FitError
from services.trainer.fitters.familiarity import centred_gram, distances_from
from services.trainer.search.examples import Examples, Indices

MAX_FITS = 10
"""Heads that are fitted for the check, whatever the number of classes."""

MAX_CLASSES = 100
"""With more classes, so many drawn at random are checked."""

MAX_EXAMPLES = 1_000
"""With more examples of those classes, so many drawn at random are checked."""

MIN_CLASSES = 3

Answer = Callable[[Indices, Indices, int, Indices], Floats]
"""Calibrated logits `[t, c]` of examples `[t]` by a head of the kind that was chosen, fitted to
others: (fitted examples `[n]`, their classes `[n]` from 0 to c - 1, c, examples to answer)."""


@dataclass(frozen=True)
class UnknownNumbers:
    """Areas under the ROC curve, means over `fits`; 0.5 is a guess, 1 is never wrong.

    `auroc` is that of familiarity, `auroc_max_probability` that of the head's largest probability
    alone; `classes` took part.
    """

    auroc: float
    auroc_max_probability: float
    fits: int
    classes: int


def check_unknown(
    examples: Examples,
    familiarity: Familiarity,
    plan: SplitPlan,
    answer: Answer,
    *,
    seed: int = 0,
    go_on: Callable[[], bool] = lambda: True,
) -> UnknownNumbers | None:
    """Leaves each class (of many: each group of classes) out once and scores it as a stranger.

    `examples.x` are the features of the head, `familiarity` is calibrated, `plan` divides the
    examples.
    `go_on` is asked before every fit: False ends the check with what it has so far. None when there
    are fewer than 3 classes, or nothing could be compared. Raises Internal when the embeddings
    cannot be decomposed.
    """
    if len(examples.labels) < MIN_CLASSES or not plan.folds:
        return None
    rng = np.random.default_rng([seed, 3])
    rows, classes = _part(examples, rng)
    gram = centred_gram(examples.x[rows])
    found: list[tuple[float, float]] = []
    groups = np.array_split(rng.permutation(classes), min(len(classes), MAX_FITS))
    for number, group in enumerate(groups):
        if not go_on():
            break
        trial = _trial(examples, rows, group, plan.folds[number % len(plan.folds)])
        if trial is not None:
            found.append(_areas(examples, familiarity, gram, rows, trial, answer))
    if not found:
        return None
    ours, theirs = np.mean(found, axis=0).tolist()
    return UnknownNumbers(ours, theirs, len(found), len(classes))


def _part(examples: Examples, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """The examples and the classes that take part, both ascending."""
    classes = np.arange(len(examples.labels))
    if len(classes) > MAX_CLASSES:
        classes = np.sort(rng.choice(classes, MAX_CLASSES, replace=False))
    rows = np.flatnonzero(np.isin(examples.y, classes))
    if len(rows) > MAX_EXAMPLES:
        rows = np.sort(rng.choice(rows, MAX_EXAMPLES, replace=False))
    return rows, classes


@dataclass(frozen=True)
class _Trial:
    """Positions in the rows that take part: trained on, known but held out, and strange."""

    train: Indices
    known: Indices
    strange: Indices


def _trial(examples: Examples, rows: Indices, group: Indices, fold: Fold) -> _Trial | None:
    """None where fewer than two classes can be learned, or nobody is left to compare."""
    y = examples.y[rows]
    strange, held = np.isin(y, group), np.isin(rows, fold.test)
    train = np.flatnonzero(~strange & ~held)
    learned = np.unique(y[train])
    known = np.flatnonzero(~strange & held & np.isin(y, learned))
    if len(learned) < 2 or not len(known) or not strange.any():
        return None
    return _Trial(train, known, np.flatnonzero(strange))


def _areas(
    examples: Examples,
    familiarity: Familiarity,
    gram: Doubles,
    rows: Indices,
    trial: _Trial,
    answer: Answer,
) -> tuple[float, float]:
    """The two areas of one trial: by familiarity, and by the largest probability."""
    test = np.concatenate([trial.known, trial.strange])
    train = rows[trial.train]
    learned, y = np.unique(examples.y[train], return_inverse=True)
    try:
        logits = answer(train, y.reshape(-1), len(learned), rows[test])
        distances = distances_from(gram, trial.train, test, dim=examples.x.shape[1])
    except FitError as cause:
        raise Internal(f"what is unknown could not be checked: {cause}") from cause
    odds = SOFTMAX.odds(logits).astype(np.float64)
    scores = familiarity.combine(odds, distances)
    split = len(trial.known)
    return area(scores[:split], scores[split:]), area(odds[:split], odds[split:])


def area(known: NDArray[np.floating], strange: NDArray[np.floating]) -> float:
    """The share of pairs of a known and a strange score in which the known one is higher.

    A tie counts half: the area under the ROC curve (Hanley and McNeil, 1982).
    """
    ordered = np.sort(known)
    above = len(known) - np.searchsorted(ordered, strange, side="right")
    ties = len(known) - np.searchsorted(ordered, strange, side="left") - above
    return float((above + ties / 2).mean() / len(known))
