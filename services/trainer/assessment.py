"""Everything that the report says of a model, put together within the time that is left.

What every reader needs comes first; what only some need is left out when the budget is spent, and
given up when it turns out to need more than is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from graft.embedder.v1 import backbone_pb2
from graft.errors import GraftError
from graft.model.v1 import evaluation_pb2 as pb
from services.common.heads.base import Floats
from services.trainer import heat
from services.trainer.data.sketch import Sketches
from services.trainer.evaluate import heat_maps
from services.trainer.evaluate.decisions import decisions
from services.trainer.evaluate.duplicate_findings import Groups, duplicate_findings
from services.trainer.evaluate.findings import (
    baseline_findings,
    held_out_findings,
    outlier_findings,
)
from services.trainer.evaluate.forecast import forecast
from services.trainer.evaluate.learning_curve import measure_curve, plan_subsamples
from services.trainer.evaluate.outlook import to_learning_curve
from services.trainer.evaluate.proto import Source, evaluate_search
from services.trainer.evaluate.shortcut_findings import shortcut_findings
from services.trainer.evaluate.shortcuts import find_shortcuts
from services.trainer.evaluate.unknown import unknown_check
from services.trainer.fitters.base import FitError, Indices
from services.trainer.nouns import noun
from services.trainer.search.bank import Bank
from services.trainer.search.run import SearchResult
from services.trainer.search.unknown import Unknown, fit_unknown
from services.trainer.search.unknown_check import check_unknown

TIMED_STEPS: Final = 3
"""Steps of a part from which the time of the rest is told."""
LEFT_OUT: Final = (
    "what more examples would bring, doubtful labels, strange examples, shortcuts, heat maps and"
    " simpler means are told only where every example bears one label"
)


@dataclass(frozen=True)
class Subject:
    """What is assessed. `alike` `[n]`: a group for each example, shared by those that are nearly
    the same; the groups of the bank are what was held out together. `left_s`: seconds left of the
    budget; `tick` may raise to stop the job. `sketches` of all pictures are for the shortcuts,
    `ask` and `contents` for the heat maps, which are left out without them. `unknown`: where it is
    known, as it must be on a tuned tail."""

    found: SearchResult
    bank: Bank
    alike: Indices
    backbone: backbone_pb2.Backbone
    sources: list[Source]
    data: pb.DataSummary
    seed: int
    left_s: Callable[[], float]
    tick: Callable[[], None] = field(default=lambda: None)
    sketches: Callable[[], Sketches] | None = None
    ask: heat.Ask | None = None
    contents: heat.Contents | None = None
    unknown: Unknown | None = None


@dataclass(frozen=True)
class Assessed:
    """The evaluation, and the search's result with the head that now knows what is unknown."""

    found: SearchResult
    evaluation: pb.Evaluation


def assess(subject: Subject) -> Assessed:
    """The report of a search, and its head with a threshold for the unknown."""
    counts = subject.bank.class_counts
    subject = _kept(subject)
    with threadpool_limits(limits=1, user_api="blas"):
        unknown = _unknown(subject)
        head = subject.found.head.calibrated(subject.found.head.calibration, unknown.familiarity)
        done = replace(subject, found=replace(subject.found, head=head))
        evaluation = evaluate_search(done.found, done.sources, done.data, counts, done.alike)
        evaluation.decisions.extend(decisions(done.found))
        _add_unknown(evaluation, done, unknown)
        if subject.bank.several:
            evaluation.decisions.add(subject="report", choice="scores only", reason=LEFT_OUT)
        for part in (_several_duplicates,) if subject.bank.several else _PARTS:
            done.tick()
            if done.left_s() > 0:
                with suppress(_Spent):
                    part(evaluation, done)
        return Assessed(done.found, evaluation)


class _Spent(Exception):
    """A part of the report would take longer than there is time."""


class _Meter:
    """Owns the clock of one part, of which each step takes about as long as its share of `work`."""

    def __init__(self, subject: Subject, work: Sequence[int]) -> None:
        self._subject = subject
        self._done = np.cumsum([0, *work])
        self._at = 0
        self._began = time.monotonic()

    def step(self) -> None:
        """Say that the next step begins; raises _Spent when time is too short for the rest."""
        self._subject.tick()
        done, whole = self._done[self._at], self._done[-1]
        took = time.monotonic() - self._began
        rest_s = took * (whole - done) / done if self._at >= TIMED_STEPS else 0.0
        if self._subject.left_s() <= rest_s:
            raise _Spent
        self._at += 1


def _kept(subject: Subject) -> Subject:
    """The subject with those examples alone that the search has kept."""
    kept, contents = subject.found.kept, subject.contents
    if len(kept) == len(subject.bank.y):
        return subject
    return replace(
        subject,
        bank=subject.bank.part(kept),
        alike=subject.alike[kept],
        sources=[subject.sources[number] for number in kept],
        contents=contents and (lambda rows: contents([int(kept[row]) for row in rows])),
    )


def _unknown(subject: Subject) -> Unknown:
    if subject.unknown is not None:
        return subject.unknown
    held_out = subject.found.held_out
    items = np.zeros(0, np.int64) if held_out is None else held_out.items
    answers = (
        np.zeros((1, 0, len(subject.bank.labels)), np.float32)
        if held_out is None
        else held_out.log_proba
    )
    return fit_unknown(subject.found.examples, items, answers, seed=subject.seed)


def _add_unknown(evaluation: pb.Evaluation, subject: Subject, unknown: Unknown) -> None:
    found, refit = subject.found, subject.found.refit
    numbers = None
    if refit is not None and subject.left_s() > 0 and not subject.bank.several:
        numbers = check_unknown(
            found.examples,
            unknown.familiarity,
            found.plan,
            refit.logits,
            seed=subject.seed,
            go_on=lambda: subject.left_s() > 0,
        )
    evaluation.unknown_check.CopyFrom(unknown_check(unknown, numbers))
    evaluation.unknown_threshold = unknown.familiarity.below
    if unknown.measured_kept_share is not None:
        evaluation.unknown_rate = 1 - unknown.measured_kept_share


def _findings(evaluation: pb.Evaluation, subject: Subject) -> None:
    found = subject.found
    evaluation.MergeFrom(outlier_findings(found.examples, subject.sources))
    evaluation.MergeFrom(_duplicates(subject, subject.bank.y, subject.bank.labels))
    if found.held_out is not None:
        evaluation.MergeFrom(
            held_out_findings(
                found.held_out.log_proba, found.held_out.items, found.examples, subject.sources
            )
        )


def _shortcuts(evaluation: pb.Evaluation, subject: Subject) -> None:
    if subject.sketches is None:
        return
    y, labels = subject.bank.y, subject.bank.labels
    shortcuts = find_shortcuts(subject.sketches()[subject.found.kept], y, seed=subject.seed)
    evaluation.MergeFrom(shortcut_findings(shortcuts, labels, subject.sources))


def _baselines(evaluation: pb.Evaluation, subject: Subject) -> None:
    found = subject.found
    if found.held_out is not None:
        evaluation.MergeFrom(
            baseline_findings(
                found.held_out.log_proba,
                found.held_out.items,
                found.examples,
                found.plan,
                seed=subject.seed,
                left_s=subject.left_s,
            )
        )


def _learning_curve(evaluation: pb.Evaluation, subject: Subject) -> None:
    refit, examples = subject.found.refit, subject.found.examples
    if refit is None:
        return
    classes = len(examples.labels)

    def answer(train: Indices, test: Indices) -> Floats:
        return refit.logits(train, examples.y[train], classes, test)

    plan = plan_subsamples(examples.y, examples.groups, seed=subject.seed)
    meter = _Meter(subject, [len(each.train) for each in plan.subsamples])
    try:
        measured = measure_curve(answer, examples.y, examples.groups, plan, proceed=meter.step)
    except FitError:  # subsamples of one example a class have no spread
        return
    if measured is not None:
        found = forecast(measured, accuracy_now=evaluation.accuracy.estimate)
        evaluation.learning_curve.CopyFrom(to_learning_curve(found, examples.labels))


def _heat_maps(evaluation: pb.Evaluation, subject: Subject) -> None:
    """Left out when the embedder cannot answer: a report without them is better than none."""
    found = subject.found
    if found.held_out is None or subject.ask is None or subject.contents is None:
        return
    proba = np.exp(found.held_out.log_proba).mean(axis=0)
    items = found.held_out.items
    looks = heat_maps.pick(proba, found.examples.y[items], items)
    vectors = {name: subject.bank.vectors[name].astype(np.float32) for name in found.endpoints}
    explained = heat.Explained(subject.backbone, vectors, found.head)
    try:
        drawn = heat.draw(subject.ask, explained, looks, subject.contents)
    except GraftError:
        subject.tick()  # a cancellation is no failure of the embedder
        return
    if drawn is not None:
        heat.fill(evaluation, looks, drawn, subject.sources, subject.bank.labels)


def _several_duplicates(evaluation: pb.Evaluation, subject: Subject) -> None:
    """Nearly equal examples, each set of labels standing for a class."""
    bank = subject.bank
    sets, kind = np.unique(bank.y, axis=0, return_inverse=True)
    names = [
        ", ".join(bank.labels[label] for label in np.flatnonzero(borne)) or "no label"
        for borne in sets
    ]
    evaluation.MergeFrom(_duplicates(subject, kind.reshape(-1), names))


def _duplicates(subject: Subject, y: Indices, labels: Sequence[str]) -> pb.Evaluation:
    groups = Groups(subject.alike, subject.bank.groups)
    return duplicate_findings(groups, y, labels, subject.sources, noun(subject.data))


_PARTS: Final = (_findings, _learning_curve, _shortcuts, _baselines, _heat_maps)
