"""The search: from labelled embeddings to a calibrated head and the table of all that was tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from graft.errors import Internal
from services.common.heads.base import Calibration
from services.common.heads.head import Head
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.fitters.base import FitError, Indices
from services.trainer.fitters.ridge import fit_ridge
from services.trainer.search import many
from services.trainer.search.bank import Bank
from services.trainer.search.candidates import HeadSpec, Ridge
from services.trainer.search.deliver import Refit, deliver, refit_of
from services.trainer.search.examples import Examples, check
from services.trainer.search.held_out import HeldOut, Trial, Watch, measured_items
from services.trainer.search.judge import judge_of
from services.trainer.search.naming import NameTrial, try_names
from services.trainer.search.notes import UNMEASURED, notes_on, part_only
from services.trainer.search.rounds import (
    FEW,
    FINALISTS,
    MIN_FOR_MLP,
    MIN_TO_COMPARE,
    Rounds,
)
from services.trainer.search.select import Scores, optimism, reasons
from services.trainer.search.space import Space
from services.trainer.search.thresholds import EVEN

FOLDS = 5
# Of more examples than these a part is compared on, and the head is fitted to all in one pass.
MAX_COMPARED = 20_000
# Repeats lessen the luck of one division where folds are small and cheap.
_REPEATED_EXAMPLES = 1000
_MAX_REPEATS = 5
_ONE_REPEAT_ABOVE = 600
# The temperature of a head of which nothing could be held out: of 0.5 to 3.5 the one with the
# lowest mean log loss for one example a class, on the remaining training pictures of six photo sets
# under three backbones.
ALONE_TEMPERATURE = 1.4


@dataclass(frozen=True)
class SearchSettings:
    """What may be set. `budget_s`: what would take longer is not tried any more.

    `blas_threads`: matrices of a few hundred rows gain nothing from a second thread, and lose much
    on a busy machine.
    """

    seed: int = 0
    blas_threads: int = 1
    budget_s: float = 60.0


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
    """`head` answers the joined vectors of `endpoints`; `examples` have the features that it makes
    of them, and are those numbered `kept` (all, unless there are very many). `held_out`: the
    calibrated held-out answers of the chosen candidate; None where no example could be held out,
    and accuracy cannot be measured, nor a head of its kind `refit` to other examples. `optimism`:
    how much too good their accuracy is for having been chosen. `notes`: sentences for the report.
    `names`: what the names of the labels tell, and so whether they are examples.
    """

    head: Head
    endpoints: tuple[str, ...]
    kept: Indices
    examples: Examples
    parameters: dict[str, str]
    rows: tuple[CandidateRow, ...]
    plan: SplitPlan
    held_out: HeldOut | None
    refit: Refit | None
    optimism: float
    notes: tuple[str, ...]
    names: NameTrial | None = None


def search(
    bank: Bank,
    settings: SearchSettings | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Tries every candidate by cross-validation and fits the best one to all examples.

    Deterministic while the budget lasts: the same arguments give the same bits on one machine.
    `progress(done, total)` and `cancelled()` are called between fits; `enough()` ends the search
    with what it has. Raises FailedPrecondition or InvalidArgument for examples that no head can be
    fitted to, Cancelled when `cancelled()` is true, Internal when every candidate failed.
    """
    settings = settings or SearchSettings()
    if len(bank.y) > MAX_COMPARED:
        return _search_many(bank, settings, progress, cancelled, enough)
    return _compare(bank, settings, progress, cancelled, enough)


def _compare(
    bank: Bank,
    settings: SearchSettings,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
    enough: Callable[[], bool],
) -> SearchResult:
    """The search where all examples are compared on."""
    check(bank.examples(bank.last))
    plan = stratified_folds(
        bank.y, bank.groups, folds=FOLDS, repeats=_repeats(len(bank.y)), seed=settings.seed
    )
    with threadpool_limits(limits=settings.blas_threads, user_api="blas"):
        names = try_names(bank)
        if not plan.folds:
            return replace(_unmeasured(bank, names, plan, progress), names=names)
        deadline = time.monotonic() + settings.budget_s

        def left_s() -> float:
            return 0.0 if enough() else deadline - time.monotonic()

        watch = Watch(progress, cancelled, _fits(bank, plan))
        items = measured_items(bank.y, len(bank.labels), plan, _candidates(bank), settings.seed)
        root = bool(np.median(bank.class_counts) >= MIN_TO_COMPARE)
        named = names is not None and names.told
        rounds = Rounds(bank, plan, items, settings.seed, watch, left_s, root, named)
        return replace(_finish(rounds, rounds.run()), names=names)


def _search_many(
    bank: Bank,
    settings: SearchSettings,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
    enough: Callable[[], bool],
) -> SearchResult:
    """Compares on a part of the examples, then fits what was found to all of them (see `many`);
    where an example may bear several labels it is left at the part."""
    part = many.divide(bank.y, bank.groups, settings.seed, MAX_COMPARED)
    found = _compare(bank.part(part.compared), settings, progress, cancelled, enough)
    if bank.several:
        used = part_only(len(part.compared), len(bank.y))
        return replace(found, kept=part.compared, notes=(*found.notes, used))
    watch = Watch(progress, cancelled, 2)
    with threadpool_limits(limits=settings.blas_threads, user_api="blas"):
        better = many.fit_all(bank, found.head, found.endpoints, part, watch.check)
    if better is None:
        return replace(found, kept=part.compared)
    counts = f"{len(bank.y)} examples, {len(part.compared)} of which were compared on"
    row = CandidateRow(
        "lda",
        {"shrinkage": f"{better.shrinkage:g}", "cut": found.parameters["cut"], "of": counts},
        better.scores.log_loss,
        better.scores.standard_error,
        better.scores.accuracy,
        better.seconds,
        True,
        "taken: fitted to all examples, it beats what was fitted to a part of them",
    )
    rows = (*(replace(one, chosen=False) for one in found.rows), row)
    kept = bank.part(better.held_out.items)
    return replace(
        found,
        head=better.head,
        kept=better.held_out.items,
        examples=_examples(kept, better.head, found.endpoints),
        parameters={"method": "lda", **row.parameters},
        rows=rows,
        plan=SplitPlan((), 0, np.zeros(0, np.int64)),  # the folds were of the compared part
        held_out=replace(better.held_out, items=np.arange(len(better.held_out.items))),
        refit=None,
        optimism=0.0,
    )


def _repeats(n: int) -> int:
    if n > _ONE_REPEAT_ABOVE:
        return 1
    return int(np.clip(_REPEATED_EXAMPLES // n, 2, _MAX_REPEATS))


def _candidates(bank: Bank) -> int:
    return 8 * (bank.cut_count + 3)


def _fits(bank: Bank, plan: SplitPlan) -> int:
    """About how many fits there will be, for the progress."""
    median = np.median(bank.class_counts)
    first = plan.repeats if len(bank.y) <= FEW else 1
    cuts = bank.cut_count
    heads = 2 if bank.several else 4 + bool(median >= MIN_FOR_MLP)
    tried = cuts + heads + bool(bank.views)
    if median < MIN_TO_COMPARE:
        tried = 1 if bank.several else 2
    further = FINALISTS * (plan.repeats - first)
    return len(plan.part(0, 1).folds) * (tried * first + further) + 1


def _finish(rounds: Rounds, chosen: int) -> SearchResult:
    bank, trials = rounds.bank, rounds.trials
    if chosen < 0:
        raise Internal(f"every candidate failed; the first with: {trials[0].error}")
    trial, found = trials[chosen], rounds.scores[chosen]
    assert trial.held_out is not None
    assert found is not None
    rounds.watch.check()
    made, judge, y = deliver(trial, bank, rounds.items), judge_of(bank.y), bank.y[rounds.items]
    calibration = judge.delivered(trial.held_out.log_proba, y)
    answers = judge.calibrated(trial.held_out.log_proba, calibration)
    held_out = replace(trial.held_out, log_proba=answers)
    rounds.watch.progress(rounds.watch.total, rounds.watch.total)
    return SearchResult(
        head=made.head.calibrated(calibration),
        endpoints=made.endpoints,
        kept=np.arange(len(bank.y)),
        examples=_examples(bank, made.head, made.endpoints),
        parameters=_parameters(trial),
        rows=(*_rows(rounds, chosen), *_untried(rounds)),
        plan=rounds.plan,
        held_out=held_out,
        refit=refit_of(trial, y),
        optimism=optimism(trials, y),
        notes=notes_on(bank, rounds.plan, held_out, len(rounds.untried)),
    )


def _examples(bank: Bank, head: Head, endpoints: tuple[str, ...]) -> Examples:
    parts = [bank.vectors[name].astype(np.float32) for name in endpoints]
    x = head.blocks.features(np.concatenate(parts, axis=1))
    return Examples(x, bank.y, bank.labels, bank.groups)


def _parameters(trial: Trial) -> dict[str, str]:
    return {"method": trial.spec.kind, **dict(trial.spec.parameters), **dict(trial.about)}


def _rows(rounds: Rounds, chosen: int) -> list[CandidateRow]:
    why = reasons(rounds.trials, rounds.scores, chosen)
    return [
        _row(trial, found, i == chosen, reason)
        for i, (trial, found, reason) in enumerate(
            zip(rounds.trials, rounds.scores, why, strict=True)
        )
    ]


def _row(trial: Trial, found: Scores | None, chosen: bool, reason: str) -> CandidateRow:
    return CandidateRow(
        kind=trial.spec.kind,
        parameters={**dict(trial.spec.parameters), **dict(trial.about)},
        log_loss=found.log_loss if found else None,
        standard_error=found.standard_error if found else None,
        accuracy=found.accuracy if found else None,
        seconds=trial.seconds,
        chosen=chosen,
        reason=reason,
    )


def _untried(rounds: Rounds) -> list[CandidateRow]:
    return [
        CandidateRow(
            spec.kind,
            {**dict(spec.parameters), **dict(about)},
            None,
            None,
            None,
            0.0,
            False,
            f"not tried: {obstacle}",
        )
        for spec, about, obstacle in rounds.untried
    ]


def _unmeasured(
    bank: Bank,
    names: NameTrial | None,
    plan: SplitPlan,
    progress: Callable[[int, int], None],
) -> SearchResult:
    """No class has two groups of examples: one kind of head, and no number to show for it."""
    began, everyone, last = time.perf_counter(), np.arange(len(bank.y)), bank.last
    try:
        space = Space.of(bank, last, root=False, names=names is not None and names.told)
        rows, borne = space.training(everyone, bank.y, len(bank.labels))
        head = space.head(fit_ridge(rows, borne, len(bank.labels)), bank.labels)
    except FitError as cause:
        raise Internal(f"no head could be fitted: {cause}") from cause
    spec: HeadSpec = Ridge().specs[0]
    reason = "taken: no class has two different examples, so that nothing can be compared"
    seconds = time.perf_counter() - began
    row = CandidateRow(spec.kind, {"cut": str(last)}, None, None, None, seconds, True, reason)
    progress(1, 1)
    thresholds = np.full(len(bank.labels), EVEN, np.float32) if bank.several else None
    return SearchResult(
        head=head.calibrated(Calibration(ALONE_TEMPERATURE, 0.0, thresholds)),
        endpoints=last.endpoints,
        kept=everyone,
        examples=_examples(bank, head, last.endpoints),
        parameters={"method": spec.kind, "cut": str(last)},
        rows=(row,),
        plan=plan,
        held_out=None,
        refit=None,
        optimism=0.0,
        notes=(UNMEASURED,),
    )
