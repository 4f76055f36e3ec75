"""What only a report of several labels an item says: pure functions of the Evaluation; HTML."""

from __future__ import annotations

from typing import Final

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.markup import bar, listing, row, section, table, text
from services.trainer.report.plain import count, percent

MAX_LABELS: Final = 200
MAX_PAIRS: Final = 20
FEW: Final = 2
"""So few cases may be chance."""

LEAD: Final = (
    "“Found”: of all examples that bear the label, how many were given it. “Right when given”: of "
    "all that were given it, how many bear it. “False alarms”: of all that do not bear it, how "
    "many were given it. “In order”: with all examples ordered by the score of the label, how "
    "purely those that bear it come first (average precision; 100% is a perfect order). “Given "
    "from”: the score from which on the label is given, chosen for each so that the first two are "
    "balanced; what is counted here was answered by thresholds chosen on other examples. Below the "
    "bars stands the range that holds the truth in 95 of 100 cases. Weakest label first."
)


def labels(evaluation: pb.Evaluation) -> str:
    """One line a label, the weakest first."""
    ordered = sorted(evaluation.per_class, key=lambda found: (found.recall.estimate, found.label))
    head = (
        "Label",
        "Examples",
        "Found",
        "Right when given",
        "False alarms",
        "In order",
        "Given from",
    )
    lines = table(head, [_line(found) for found in ordered[:MAX_LABELS]])
    left = len(ordered) - MAX_LABELS
    more = [f"{left:,} better labels are left out here; the JSON report has all."]
    return section("Label by label", LEAD, lines, listing(more if left > 0 else []))


def _line(found: pb.ClassEvaluation) -> str:
    ordered = found.HasField("average_precision")
    return row(
        text(found.label),
        f"{found.example_count:,}",
        bar(found.recall if found.HasField("recall") else None),
        bar(found.precision if found.HasField("precision") else None),
        bar(found.false_positive_rate if found.HasField("false_positive_rate") else None),
        percent(found.average_precision) if ordered else "not known",
        f"{found.threshold:.2f}",
    )


def swaps(evaluation: pb.Evaluation) -> str:
    """Which label was missed where which other one was given; nothing where none was."""
    pairs = list(evaluation.confusion.pairs)[:MAX_PAIRS]
    if not pairs:
        return ""
    return section("What is given in the place of what", "", listing(map(_swap, pairs)))


def _swap(pair: pb.ConfusedPair) -> str:
    told = (
        f"{pair.truth} was missed and {pair.answer} given instead in {count(pair.count, 'example')}"
        f" ({percent(pair.share)} of those with {pair.truth})"
    )
    if pair.count <= FEW:
        return f"{told}: so few may be chance; look at them before you change anything."
    return f"{told}: add examples of each without the other."
