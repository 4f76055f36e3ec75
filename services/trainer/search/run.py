"""The search: from labelled embeddings to a calibrated head and the table of all that was tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from graft.errors import Internal
from services.common.heads.base import Calibration, Head
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.fitters.base import FitError
from services.trainer.search.calibrate import temper, unknown_threshold
from services.trainer.search.candidates import Family, HeadSpec, families_for
from services.trainer.search.examples import Examples, check
from services.trainer.search.held_out import HeldOut, Trial, Watch, run_trials
from services.trainer.search.notes import UNMEASURED, notes_on
from services.trainer.search.select import Choice, Scores, choose, score

FOLDS = 5
# Repeats lessen the luck of one division where folds are small and cheap.
_REPEATED_EXAMPLES = 500
_MAX_REPEATS = 5
_ONE_REPEAT_ABOVE = 600


@dataclass(frozen=True)
class SearchSettings:
    """What may be set. `unknown_rate`: the share of known inputs that may be flagged unknown.

    `blas_threads`: matrices of a few hundred rows gain nothing from a second thread, and lose much
    on a busy machine. `max_seconds`: an estimate above it leaves a family untried.
    """

    seed: int = 0
    unknown_rate: float = 0.05
    blas_threads: int = 1
    max_seconds: float = 60.0


@dataclass(frozen=True)
class CandidateRow:
    """One row of the table; the three scores are None where there are none."""

    kind: str
    parameters: dict[str, str]
    log_loss: float | None
    standard_error: float | None
    accuracy: float | None
    seconds: float
    chosen: bool
    reason: str


@dataclass(frozen=True)
class SearchResult:
    """`held_out`: the calibrated held-out answers of the chosen candidate; None where no example
    could be held out, and accuracy cannot be measured. `notes`: sentences for the report."""

    head: Head
    parameters: dict[str, str]
    rows: tuple[CandidateRow, ...]
    held_out: HeldOut | None
    notes: tuple[str, ...]


def search(
    examples: Examples,
    settings: SearchSettings | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Tries every candidate by cross-validation and fits the best one to all examples.

    Deterministic: the same arguments give the same bits on one machine. `progress(done, total)` and
    `cancelled()` are called between fits. Raises FailedPrecondition or InvalidArgument for
    examples that no head can be fitted to, Cancelled when `cancelled()` is true, Internal when
    every candidate failed.
    """
    settings = settings or SearchSettings()
    check(examples)
    plan = stratified_folds(
        examples.y,
        examples.groups,
        folds=FOLDS,
        repeats=_repeats(len(examples.y)),
        seed=settings.seed,
    )
    families = families_for(examples.class_counts)
    with threadpool_limits(limits=settings.blas_threads, user_api="blas"):
        if plan.folds:
            return _compare(examples, settings, families, plan, progress, cancelled)
        return _unmeasured(examples, families[0], Watch(progress, cancelled, 1))


def _compare(
    examples: Examples,
    settings: SearchSettings,
    families: tuple[Family, ...],
    plan: SplitPlan,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> SearchResult:
    cost = {family: _estimate_s(family, examples, plan) for family in families}
    tried = [f for f in families if f is families[0] or cost[f] <= settings.max_seconds]
    left = [
        _untried(spec, cost[family], settings)
        for family in families
        if family not in tried
        for spec in family.specs
    ]
    fits = len(tried) * len(plan.folds)
    watch = Watch(progress, cancelled, fits + 1)
    trials = run_trials(examples, tried, plan, seed=settings.seed, watch=watch)
    result = _finish(examples, settings, trials, left, replace(watch, done=fits))
    progress(fits + 1, fits + 1)
    return replace(result, notes=notes_on(examples, plan, result.held_out, len(left)))


def _repeats(n: int) -> int:
    if n > _ONE_REPEAT_ABOVE:
        return 1
    return int(np.clip(_REPEATED_EXAMPLES // n, 2, _MAX_REPEATS))


def _estimate_s(family: Family, examples: Examples, plan: SplitPlan) -> float:
    n = int(len(examples.y) * plan.train_share)
    one = family.estimate_s(n, examples.x.shape[1], len(examples.labels))
    return one * len(plan.folds)


def _untried(spec: HeadSpec, estimate_s: float, settings: SearchSettings) -> CandidateRow:
    reason = (
        f"not tried: it would take about {estimate_s:.0f} s, "
        f"the limit is {settings.max_seconds:.0f} s"
    )
    return CandidateRow(spec.kind, dict(spec.parameters), None, None, None, 0.0, False, reason)


def _finish(
    examples: Examples,
    settings: SearchSettings,
    trials: list[Trial],
    left: list[CandidateRow],
    watch: Watch,
) -> SearchResult:
    scores = [
        None if trial.held_out is None else score(trial.held_out, examples.y[trial.held_out.items])
        for trial in trials
    ]
    if all(found is None for found in scores):
        raise Internal(f"every candidate failed; the first with: {trials[0].error}")
    choice = choose(trials, scores)
    trial, found = trials[choice.chosen], scores[choice.chosen]
    assert trial.held_out is not None
    assert found is not None
    held_out = replace(
        trial.held_out, log_proba=temper(trial.held_out.log_proba, found.temperature)
    )
    calibration = Calibration(
        found.temperature, unknown_threshold(held_out.log_proba, settings.unknown_rate)
    )
    head = _fit_chosen(trial, examples, watch).calibrated(calibration)
    rows = [*_rows(trials, scores, choice), *left]
    return SearchResult(head, dict(trial.spec.parameters), tuple(rows), held_out, ())


def _fit_chosen(trial: Trial, examples: Examples, watch: Watch) -> Head:
    watch.step(0)
    try:
        return trial.family.fit_one(trial.index, examples.x, examples.y, examples.labels)
    except FitError as cause:
        raise Internal(f"the chosen head could not be fitted to all examples: {cause}") from cause


def _rows(trials: list[Trial], scores: list[Scores | None], choice: Choice) -> list[CandidateRow]:
    return [
        CandidateRow(
            kind=trial.spec.kind,
            parameters=dict(trial.spec.parameters),
            log_loss=found.log_loss if found else None,
            standard_error=found.standard_error if found else None,
            accuracy=found.accuracy if found else None,
            seconds=trial.seconds,
            chosen=i == choice.chosen,
            reason=reason,
        )
        for i, (trial, found, reason) in enumerate(zip(trials, scores, choice.reasons, strict=True))
    ]


def _unmeasured(examples: Examples, family: Family, watch: Watch) -> SearchResult:
    """No class has two groups of examples: one kind of head, and no number to show for it."""
    watch.step(0)
    began = time.perf_counter()
    try:
        head = family.fit_one(0, examples.x, examples.y, examples.labels)
    except FitError as cause:
        raise Internal(f"the class means could not be taken: {cause}") from cause
    spec = family.specs[0]
    reason = "taken: no class has two different examples, so that nothing can be compared"
    row = CandidateRow(
        spec.kind,
        dict(spec.parameters),
        None,
        None,
        None,
        time.perf_counter() - began,
        True,
        reason,
    )
    watch.progress(1, 1)
    return SearchResult(head, dict(spec.parameters), (row,), None, (UNMEASURED,))
