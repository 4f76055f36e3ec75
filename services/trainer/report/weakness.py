"""The weakest classes in words, and what to do about each. Pure."""

from __future__ import annotations

from collections import Counter

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.plain import count, percent, span

MAX_NAMED = 3
# A class is weak when it is so far below the accuracy of the whole.
_BEHIND = 0.05
_SMALL = 0.5  # of the median class


def weaknesses(evaluation: pb.Evaluation) -> list[str]:
    """A sentence for each of the classes found least often, then for the name most misused."""
    called = _calls(evaluation)
    usual = _median([found.example_count for found in evaluation.per_class])
    scored = [found for found in evaluation.per_class if found.HasField("recall")]
    low = evaluation.accuracy.estimate - _BEHIND
    weak = sorted(
        (found for found in scored if found.recall.estimate < low),
        key=lambda found: (found.recall.estimate, found.label),
    )
    sentences = [_missed(found, called[found.label], usual) for found in weak[:MAX_NAMED]]
    misused = [
        found
        for found in evaluation.per_class
        if found.HasField("precision") and found.precision.estimate < low
    ]
    if misused:
        worst = min(misused, key=lambda found: (found.precision.estimate, found.label))
        sentences.append(_misused(worst, called))
    return sentences or ["No class stands out as weak: examples of any class help about equally."]


def _calls(evaluation: pb.Evaluation) -> dict[str, Counter[str]]:
    """What the examples of each class were called when that was wrong."""
    found: dict[str, Counter[str]] = {each.label: Counter() for each in evaluation.per_class}
    for pair in evaluation.confusion.pairs:
        found.setdefault(pair.truth, Counter())[pair.answer] = pair.count
    labels, counts = list(evaluation.confusion.labels), list(evaluation.confusion.counts)
    if len(counts) == len(labels) ** 2:
        for at, number in enumerate(counts):
            truth, answer = labels[at // len(labels)], labels[at % len(labels)]
            if number and truth != answer:
                found.setdefault(truth, Counter())[answer] = number
    return found


def _missed(found: pb.ClassEvaluation, called: Counter[str], usual: float) -> str:
    told = (
        f"{found.label}: {percent(found.recall.estimate)} are found ({span(found.recall)} of new "
        "ones)"
    )
    if found.example_count <= _SMALL * usual:
        return (
            f"{told}. It has only {count(found.example_count, 'example')}, where the usual class "
            f"has {usual:,.0f}: add more of it."
        )
    others, number = _mostly(called)
    if others:
        names = " or ".join(others)
        return (
            f"{told}; {number:,} of the {sum(called.values()):,} missed were called {names}: add "
            f"examples of {found.label} that look like {names}, or merge."
        )
    return (
        f"{told}, and the missed ones were called many things: look at its examples for wrong or "
        "unclear ones, and add more of every kind that it comes in."
    )


def _mostly(called: Counter[str]) -> tuple[list[str], int]:
    """The one or two names, each given twice or more, that were given in half of the cases."""
    for most in (1, 2):
        top = [(name, n) for name, n in called.most_common(most) if n > 1]
        number = sum(n for _, n in top)
        if number and 2 * number >= sum(called.values()):
            return [name for name, _ in top], number
    return [], 0


def _misused(found: pb.ClassEvaluation, called: dict[str, Counter[str]]) -> str:
    victims = Counter({label: names[found.label] for label, names in called.items()})
    told = (
        f"Of the answers “{found.label}” only {percent(found.precision.estimate)} are right "
        f"({span(found.precision)} of new ones)"
    )
    label, number = victims.most_common(1)[0] if victims else ("", 0)
    if not number:
        return f"{told}: take this answer with care."
    return f"{told}; most of the wrong ones are {label}: add examples of {label} that look like it."


def _median(numbers: list[int]) -> float:
    ordered, middle = sorted(numbers), len(numbers) // 2
    if not ordered:
        return 0.0
    return (ordered[middle] + ordered[~middle]) / 2
