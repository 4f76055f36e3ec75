"""Sentences about a search that a person should read beside its numbers. Pure."""

from __future__ import annotations

import numpy as np

from services.trainer.data.split import SplitPlan
from services.trainer.fitters.base import Indices
from services.trainer.search.bank import Bank
from services.trainer.search.held_out import HeldOut
from services.trainer.search.rounds import MIN_TO_COMPARE

UNMEASURED = (
    "No class has two different examples, so that none could be held back: how accurate the model "
    "is cannot be said. Add a second example to each class."
)
_NAMED = 5
_IMBALANCE = 10


def part_only(used: int, count: int) -> str:
    """Said where the head was fitted to a part of the examples."""
    return (
        f"The head was fitted to {used:,} examples drawn at random of {count:,}: where an example "
        "may bear several labels, no more are used."
    )


def notes_on(
    examples: Bank, plan: SplitPlan, held_out: HeldOut | None, untried: int
) -> tuple[str, ...]:
    """What limits the numbers of this search, most important first."""
    found = [
        _small(examples),
        _never_tested(examples, plan),
        _imbalance(examples),
        _part(examples, plan, held_out),
        f"{untried} candidates would have taken too long and were not tried." if untried else "",
    ]
    return tuple(note for note in found if note)


def _small(examples: Bank) -> str:
    if np.median(examples.class_counts) >= MIN_TO_COMPARE:
        return ""
    return (
        f"Most classes have fewer than {MIN_TO_COMPARE} examples: each was reduced to its "
        "average. A few more examples of each class will help a lot."
    )


def _never_tested(examples: Bank, plan: SplitPlan) -> str:
    classes = _alone(examples, plan)
    if not len(classes):
        return ""
    named = ", ".join(examples.labels[c] for c in classes[:_NAMED])
    more = " and others" if len(classes) > _NAMED else ""
    return (
        f"{len(classes)} of {len(examples.labels)} classes have a single example ({named}{more}): "
        "it was trained on and never held out, so that nothing is known about how they fare."
    )


def _alone(examples: Bank, plan: SplitPlan) -> Indices:
    """The classes whose examples are all in one group, which is never held out."""
    never = examples.y[plan.never_tested]
    if not examples.several:
        return np.unique(never)
    return np.flatnonzero(never.any(axis=0) & (never.sum(axis=0) == examples.class_counts))


def _imbalance(examples: Bank) -> str:
    if examples.several:  # each label is told from its absence, not from other labels
        return ""
    counts = examples.class_counts
    low, high = int(counts.argmin()), int(counts.argmax())
    if counts[high] < _IMBALANCE * counts[low]:
        return ""
    return (
        f"{examples.labels[high]} has {counts[high]} examples and {examples.labels[low]} has "
        f"{counts[low]}: the model leans towards the larger. Add examples of the smaller one."
    )


def _part(examples: Bank, plan: SplitPlan, held_out: HeldOut | None) -> str:
    tested = len(examples.y) - len(plan.never_tested)
    if held_out is None or len(held_out.items) == tested:
        return ""
    return f"Accuracy was measured on {len(held_out.items)} examples drawn at random of {tested}."
