"""Pairs of classes that are mixed up, both directions together, and what to do about each. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.intervals import wilson
from services.trainer.report.plain import percent

# From here on two classes are hardly told apart: as a coin would, half the share is one half.
HARDLY_APART = 0.3
FEW = 2
_ONE_SIDED = 3


@dataclass(frozen=True)
class Mixed:
    """`there` examples of class `first` were called `second`, `back` the other way round; `there`
    is not the smaller number. `out_of` examples of both were held out."""

    first: str
    second: str
    there: int
    back: int
    out_of: int

    @property
    def share(self) -> float:
        """Of the held-out examples of both, those called the other."""
        return (self.there + self.back) / self.out_of


def mixed_up(evaluation: pb.Evaluation) -> list[Mixed]:
    """The pairs that are mixed up, most cases first."""
    held_out = _held_out(evaluation)
    cases: dict[frozenset[str], dict[str, int]] = defaultdict(dict)
    for pair in evaluation.confusion.pairs:
        cases[frozenset((pair.truth, pair.answer))][pair.truth] = pair.count
    found = [_mixed(pair, counts, held_out) for pair, counts in cases.items() if len(pair) == 2]
    return sorted(found, key=lambda pair: (-pair.there - pair.back, pair.first, pair.second))


def _mixed(pair: frozenset[str], counts: dict[str, int], held_out: dict[str, int]) -> Mixed:
    first, second = sorted(pair, key=lambda label: (-counts.get(label, 0), label))
    there, back = counts.get(first, 0), counts.get(second, 0)
    out_of = max(held_out.get(first, 0) + held_out.get(second, 0), there + back, 1)
    return Mixed(first, second, there, back, out_of)


def _held_out(evaluation: pb.Evaluation) -> dict[str, int]:
    """How many examples of each class were answered; what the class has where that is not kept."""
    found = {each.label: each.example_count for each in evaluation.per_class}
    for pair in evaluation.confusion.pairs:
        if pair.share > 0:
            found[pair.truth] = round(pair.count / pair.share)
    labels, counts = list(evaluation.confusion.labels), list(evaluation.confusion.counts)
    if len(counts) == len(labels) ** 2:
        size = len(labels)
        found |= {label: sum(counts[i * size : (i + 1) * size]) for i, label in enumerate(labels)}
    return found


def mixed(pair: Mixed) -> str:
    """The pair in words: how often, which way, and what to do."""
    cases = pair.there + pair.back
    range_ = wilson(cases, pair.out_of)
    between = f", {percent(range_.low)} to {percent(range_.high)} of new ones" if range_ else ""
    return (
        f"{pair.first} and {pair.second} are mixed up in {percent(pair.share)} of cases "
        f"({cases:,} of {pair.out_of:,}{between}): {_directions(pair)}. {_advice(pair)}"
    )


def _directions(pair: Mixed) -> str:
    if not pair.back:
        return f"all of them {pair.first} called {pair.second}"
    return f"{pair.there:,} {pair.first} called {pair.second}, {pair.back:,} the other way round"


def _advice(pair: Mixed) -> str:
    if pair.there + pair.back <= FEW:
        return "So few may be chance: look at the examples before you change anything."
    if pair.share >= HARDLY_APART:
        return (
            "They are hardly told apart: merge them, unless you see the difference at a glance; "
            "then add examples of both that differ in just that."
        )
    if pair.there >= _ONE_SIDED * max(pair.back, 1):
        return (
            f"Add examples of {pair.first} that look most like {pair.second}, or merge the two if "
            "you need not tell them apart."
        )
    return "Merge them, or add examples of both that differ in just what tells them apart."
