"""The part of the page that tells what more examples would bring: words, a plot, a table."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.curve import numbers, plot
from services.trainer.report.markup import listing, section, text

MAX_CLASSES = 12
_METHOD = (
    "Dots: models trained on a part of the examples and tested on the rest. Dashed: what to "
    "expect with all of them and with more. The area and the lines hold the truth in 8 of 10 "
    "cases. New examples are taken to be like those that are there."
)


def more_data(evaluation: pb.Evaluation) -> str:
    """What more examples bring; nothing where it was not measured."""
    if not evaluation.HasField("learning_curve"):
        return ""
    curve = evaluation.learning_curve
    sentences = [found.sentence for found in curve.classes[:MAX_CLASSES]]
    left = len(curve.classes) - len(sentences)
    more = [f"{left:,} more classes are in the JSON report."] if left > 0 else []
    by_class = "<h3>Class by class</h3>" + listing([*sentences, *more]) if sentences else ""
    shown = plot(
        curve.measured,
        curve.forecast,
        counted="examples of each class",
        spoken="Accuracy by examples of each class: " + curve.sentence,
    )
    return section("Would more examples help?", curve.sentence, shown, by_class, _how(curve))


def _how(curve: pb.LearningCurve) -> str:
    """The numbers behind the plot, and how they came about."""
    told = numbers(
        curve.measured, curve.forecast, counted="Examples of each class", score="Accuracy"
    )
    return f"<details><summary>How this was found</summary><p>{text(_METHOD)}</p>{told}</details>"
