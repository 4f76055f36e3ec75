"""The result of a search, with a tuned tail in the place of the frozen one where it earned it.

What is found in vectors (outliers, suspects, baselines) is looked for as the frozen backbone sees
the examples: a tail that was trained on them has drawn each class together, and would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from graft.embedder.v1 import backbone_pb2
from graft.errors import Cancelled, GraftError
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.fitters.lda import SHRINKAGES
from services.trainer.search.bank import Bank
from services.trainer.search.calibrate import item_losses
from services.trainer.search.run import MAX_COMPARED, CandidateRow, SearchResult
from services.trainer.search.tail_trial import Outcome
from services.trainer.search.tuning import FOLDS, Verdict
from services.trainer.tail_tuning import (
    Attempt,
    Frozen,
    Means,
    TunedTail,
    attempt,
    describe,
)

KIND = "tuned tail"
SEVERAL = (
    "not tried: layers are tuned by drawing the examples of each class together, which is not "
    "defined where an example may bear several labels"
)


@dataclass(frozen=True)
class TunedSearch:
    """`found` is the search's own where `tail` is None. `decision` is for the report."""

    found: SearchResult
    decision: pb.Decision
    tail: TunedTail | None = None


def tune(
    means: Means, backbone: backbone_pb2.Backbone, bank: Bank, found: SearchResult, seed: int
) -> TunedSearch:
    """Tries to tune the tail of the backbone that `bank` was searched with. `means.contents` are
    those of `found.examples`. Raises what `means.tick` raises; what else goes wrong leaves the
    search as it is."""
    if bank.several:
        return TunedSearch(
            found,
            pb.Decision(subject="tuning", choice=describe(backbone, None), reason=SEVERAL),
        )
    tried = _try(means, backbone, bank, found, seed)
    decision = pb.Decision(
        subject="tuning", choice=describe(backbone, tried.tuned), reason=tried.verdict.reason
    )
    if tried.outcome is None:
        return TunedSearch(found, decision)
    row = _row(tried, tried.outcome)
    if tried.tuned is None:
        return TunedSearch(replace(found, rows=(*found.rows, row)), decision)
    return TunedSearch(_replaced(found, tried.tuned, row), decision, tried.tuned)


def _try(
    means: Means, backbone: backbone_pb2.Backbone, bank: Bank, found: SearchResult, seed: int
) -> Attempt:
    if len(found.kept) < len(bank.y):
        most = f"{MAX_COMPARED:,} examples at most; got {len(bank.y):,}"
        return Attempt(Verdict(False, f"not tried: it is for {most}"))
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            return attempt(means, frozen_of(backbone, found, seed))
    except Cancelled:
        raise
    except GraftError as error:
        means.tick()  # a cancellation is no failure of the embedder
        return Attempt(Verdict(False, f"left: {error.message}"))


def frozen_of(backbone: backbone_pb2.Backbone, found: SearchResult, seed: int) -> Frozen:
    """What a search came to without tuning, item by item."""
    examples, held_out = found.examples, found.held_out
    losses, right = np.full((2, len(examples.y)), np.nan)
    if held_out is not None:
        truth = examples.y[held_out.items]
        losses[held_out.items] = item_losses(held_out.log_proba, truth).mean(axis=0)
        right[held_out.items] = (held_out.log_proba.argmax(axis=2) == truth).mean(axis=0)
    return Frozen(
        backbone=backbone,
        endpoints=found.endpoints,
        y=examples.y,
        groups=examples.groups,
        labels=examples.labels,
        losses=losses,
        right=right,
        seed=seed,
    )


def _replaced(found: SearchResult, made: TunedTail, taken: CandidateRow) -> SearchResult:
    """No head of this kind can be fitted to other examples: the tail has seen all of them."""
    left = "left: the best that was found without tuning"
    return replace(
        found,
        head=made.head,
        endpoints=made.endpoints,
        parameters={
            "method": KIND,
            "cut": " + ".join(made.endpoints),
            "after": " + ".join(made.tail.cut),
            **_parameters(made.outcome),
        },
        rows=(
            *(replace(r, chosen=False, reason=left) if r.chosen else r for r in found.rows),
            taken,
        ),
        held_out=made.held_out,
        refit=None,
    )


def _row(tried: Attempt, outcome: Outcome) -> CandidateRow:
    """For the table of candidates; without scores where not every example was answered."""
    compared, whole = outcome.comparison, outcome.comparison.folds == FOLDS
    losses = compared.tuned_losses
    return CandidateRow(
        kind=KIND,
        parameters=_parameters(outcome),
        log_loss=float(losses.mean()) if whole else None,
        standard_error=float(losses.std(ddof=1) / np.sqrt(len(losses))) if whole else None,
        accuracy=compared.tuned_accuracy if whole else None,
        seconds=tried.seconds,
        chosen=tried.tuned is not None,
        reason=tried.verdict.reason,
    )


def _parameters(outcome: Outcome) -> dict[str, str]:
    shrinkage = SHRINKAGES[outcome.head]
    return {"head": f"lda, shrinkage {shrinkage:g}", "rounds": str(outcome.rounds)}
