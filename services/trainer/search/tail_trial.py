"""Training a tail in folds: what it says of examples that it was not trained on.

How long to train is part of the choice (early stopping). In each fold the tail is trained in
rounds, and after each round heads are fitted to the training vectors and asked about the held-out
ones; no round at all is the frozen network. Which round and which head a fold is judged by is found
on the other folds, so that no example has a say in the choice that it is measured by.

NumPy only: what is trained stands behind `Trainable`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats, log_softmax
from services.trainer.data.split import Fold, SplitPlan
from services.trainer.fitters.base import Doubles, Indices
from services.trainer.search.calibrate import fit_temperature, item_losses
from services.trainer.search.tuning import (
    MAX_ROUNDS,
    PATIENCE,
    Comparison,
    Costs,
    Verdict,
    epochs_of,
    keep,
)

Activations = tuple[NDArray[Any], ...]
"""One array for each endpoint of the cut: [views, n, ...], the untouched view first."""


Vectors = Mapping[str, Floats]
"""The vectors `[n, dim]` of each endpoint, in the order in which they are joined."""


class Trainable(Protocol):
    """The tail of a network in training; fitters/tail.py has the real one."""

    @property
    def batch(self) -> int:
        """Examples of a step, about."""

    def reset(self) -> None:
        """Back to the pre-trained weights."""

    def epoch(
        self,
        activations: Activations,
        y: Indices,
        rng: np.random.Generator,
        tick: Callable[[], None],
    ) -> float:
        """One pass over the examples; the mean loss."""

    def vectors(self, activations: Sequence[NDArray[Any]], tick: Callable[[], None]) -> Vectors:
        """The vectors of the endpoints that the heads see."""


class Answering(Protocol):
    """A head, as far as a comparison needs one."""

    def log_proba(self, x: Floats) -> Floats:
        """Log probabilities `[n, c]` of vectors `[n, dim]`."""


FitHeads = Callable[[Sequence[Vectors], Indices], Sequence[Answering]]
"""Heads of one family for the vectors of n examples in each view, the untouched first, and classes
`[n]`: always the same number in the same order. They answer joined vectors."""


@dataclass(frozen=True)
class Case:
    """What is tuned for: activations of n examples in all views, classes `[n]`, and how heads are
    fitted. `tick` is called between steps; what it raises ends the work there. `strange` (vectors
    of training examples, vectors of held-out ones -> a number for each held-out one) is kept beside
    the answers: how far each lies from what was trained on. `expected`: see search/tuning.py.
    """

    activations: Activations
    y: Indices
    fit: FitHeads
    seed: int
    tick: Callable[[], None] = lambda: None
    strange: Callable[[Floats, Floats], Doubles] | None = None
    expected: bool = False

    @property
    def views(self) -> int:
        """How many views of each example there are."""
        return len(self.activations[0])

    def part(self, rows: Indices) -> Activations:
        """The activations of some examples, all views."""
        return tuple(each[:, rows] for each in self.activations)


@dataclass(frozen=True)
class Outcome:
    """What came of trying, whether it is taken or not.

    `rounds`, `head`: how long to train on all examples, and which head to fit then, to be
    calibrated with `temperature`; `frozen_head`: which would be best on the frozen network.
    `items` `[m]` (ascending), `log_proba` `[m, c]`, `fold` `[m]`: the tempered held-out answers of
    the tuned network; `strange` `[m]` as `Case.strange` told.
    """

    verdict: Verdict
    comparison: Comparison
    rounds: int
    head: int
    frozen_head: int
    temperature: float
    items: Indices
    log_proba: Floats
    fold: Indices
    strange: Doubles | None


@dataclass
class _Curve:
    """One fold: after each round, the held-out log probabilities `[heads, t, c]` and distances."""

    test: Indices
    answers: list[Floats] = field(default_factory=list)
    strange: list[Doubles] = field(default_factory=list)

    def best_round(self, y: Indices) -> int:
        """The one with the lowest loss of its best head, calibrated on these very answers."""
        truth = y[self.test]
        return int(np.argmin([min(_loss(head, truth) for head in heads) for heads in self.answers]))


def measure(trainer: Trainable, case: Case) -> Costs:
    """Times a step and a forward pass, the second time they are made; leaves the tail untrained."""
    rows = np.arange(min(trainer.batch, len(case.y)))
    part, first = case.part(rows), [each[0, rows] for each in case.activations]
    rng = np.random.default_rng(case.seed)
    marks = []
    for _ in range(2):
        marks = [time.perf_counter()]
        trainer.epoch(part, case.y[rows], rng, case.tick)
        marks.append(time.perf_counter())
        trainer.vectors(first, case.tick)
        marks.append(time.perf_counter())
    trainer.reset()
    step_s, forward_s = np.diff(marks) / len(rows)
    return Costs(float(step_s), float(forward_s))


def try_tail(trainer: Trainable, case: Case, plan: SplitPlan) -> Outcome:
    """Cross-validates tuning over the folds of a plan (one repeat) against no round at all.

    The first fold ends the attempt when no round of it beats the frozen network, unless tuning is
    expected to pay. Raises FitError when training fails, and what `case.tick` raises.
    """
    curves: list[_Curve] = []
    most = MAX_ROUNDS
    for fold in plan.folds:
        curve = _run_fold(trainer, case, fold, most)
        curves.append(curve)
        most = min(most, len(curve.answers) - 1)
        if not case.expected and len(curves) == 1 and curve.best_round(case.y) == 0:
            break
    return _judge(case, curves, most)


def train_on_all(
    trainer: Trainable, case: Case, outcome: Outcome
) -> tuple[list[Vectors], Answering]:
    """Trains the tail on every example as long as the outcome says; the vectors of each view that
    it then gives, and the head fitted to them."""
    trainer.reset()
    rng = np.random.default_rng([case.seed, len(case.y)])
    for _ in range(outcome.rounds):
        _round(trainer, case, np.arange(len(case.y)), rng)
    views = _views(trainer, case, np.arange(len(case.y)))
    return views, case.fit(views, case.y)[outcome.head]


def temperature_of(log_proba: Floats, y: Indices) -> float:
    """As `fit_temperature` for `[m, c]`, with a wider range: a head fitted to the vectors that a
    tail was trained on is surer of itself by orders of magnitude than it is right."""
    coarse = fine = 1.0
    for _ in range(4):
        fine = fit_temperature(log_proba[None] / np.float32(coarse), y)
        if fine < 10:
            break
        coarse *= 10
    return coarse * fine


def _run_fold(trainer: Trainable, case: Case, fold: Fold, most: int) -> _Curve:
    curve = _Curve(fold.test)
    trainer.reset()
    rng = np.random.default_rng([case.seed, int(fold.test[0])])
    _look(trainer, case, fold, curve)
    while len(curve.answers) <= most:
        _round(trainer, case, fold.train, rng)
        _look(trainer, case, fold, curve)
        if len(curve.answers) - 1 - curve.best_round(case.y) >= PATIENCE:
            break
    return curve


def _round(trainer: Trainable, case: Case, rows: Indices, rng: np.random.Generator) -> None:
    for _ in range(epochs_of(len(rows), trainer.batch)):
        trainer.epoch(case.part(rows), case.y[rows], rng, case.tick)


def _look(trainer: Trainable, case: Case, fold: Fold, curve: _Curve) -> None:
    views = _views(trainer, case, fold.train)
    untouched = [each[0, fold.test] for each in case.activations]
    held_out = joined(trainer.vectors(untouched, case.tick))
    heads = case.fit(views, case.y[fold.train])
    curve.answers.append(np.stack([head.log_proba(held_out) for head in heads]))
    if case.strange is not None:
        curve.strange.append(case.strange(joined(views[0]), held_out))


def _views(trainer: Trainable, case: Case, rows: Indices) -> list[Vectors]:
    part = case.part(rows)
    return [trainer.vectors([each[view] for each in part], case.tick) for view in range(case.views)]


def joined(vectors: Vectors) -> Floats:
    """The joined vectors `[n, d]`, as a head takes them."""
    return np.concatenate(list(vectors.values()), axis=1)


def _judge(case: Case, curves: Sequence[_Curve], most: int) -> Outcome:
    """Compares, each fold by the round and head that are best on the others."""
    tested = np.concatenate([curve.test for curve in curves])
    order = np.argsort(tested)
    items, y = tested[order], case.y[tested[order]]
    fold = np.repeat(np.arange(len(curves)), [len(curve.test) for curve in curves])[order]
    answers = [np.stack(curve.answers[: most + 1]) for curve in curves]
    table = np.concatenate(answers, axis=2)[:, :, order]
    frozen, tuned = (_nested(part, y, fold) for part in (table[:1], table[1:]))
    (rounds, head), temperature = _pick(table[1:], y)
    comparison = Comparison(
        frozen_losses=item_losses(frozen[None], y)[0],
        tuned_losses=item_losses(tuned[None], y)[0],
        frozen_right=(frozen.argmax(axis=1) == y).astype(np.float64),
        tuned_right=(tuned.argmax(axis=1) == y).astype(np.float64),
        folds=len(curves),
    )
    strange = [curve.strange[rounds + 1] for curve in curves] if case.strange else []
    return Outcome(
        verdict=keep(comparison, expected=case.expected),
        comparison=comparison,
        rounds=rounds + 1,
        head=head,
        frozen_head=_pick(table[:1], y)[0][1],
        temperature=temperature,
        items=items,
        log_proba=tuned,
        fold=fold,
        strange=np.concatenate(strange)[order] if strange else None,
    )


def _nested(table: Floats, y: Indices, fold: Indices) -> Floats:
    """From `[rounds, heads, m, c]`: tempered answers `[m, c]`, each fold's by what is best on the
    others; a lone fold has none."""
    answers = np.empty(table.shape[2:], np.float32)
    for number in np.unique(fold):
        mine = fold == number
        others = mine if mine.all() else ~mine
        (rounds, head), temperature = _pick(table[:, :, others], y[others])
        answers[mine] = _tempered(table[rounds, head, mine], temperature)
    return answers


def _pick(table: Floats, y: Indices) -> tuple[tuple[int, int], float]:
    """The round and head with the lowest loss in `[rounds, heads, m, c]`, and its temperature."""
    losses = [[_loss(answers, y) for answers in heads] for heads in table]
    rounds, head = np.unravel_index(int(np.argmin(losses)), np.shape(losses))
    return (int(rounds), int(head)), temperature_of(table[rounds, head], y)


def _loss(log_proba: Floats, y: Indices) -> float:
    tempered = _tempered(log_proba, temperature_of(log_proba, y))
    return float(item_losses(tempered[None], y).mean())


def _tempered(log_proba: Floats, temperature: float) -> Floats:
    return log_softmax(log_proba / np.float32(temperature))
