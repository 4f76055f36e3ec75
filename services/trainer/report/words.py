"""What the numbers of a report say, in sentences for a person who never studied machine learning.

Pure: an Evaluation in, plain text out (the page escapes it).
"""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.pairs import mixed, mixed_up
from services.trainer.report.plain import count
from services.trainer.report.plain import percent as percent

KINDS = {
    "average": "Average",
    "class_mean": "Nearest class average",
    "lda": "Discriminant analysis",
    "logistic": "Logistic regression",
    "mlp": "Small network",
    "ridge": "Ridge regression",
    "tuned tail": "Discriminant analysis on tuned layers",
}
SCALINGS = {"l2": "vectors of length 1", "standard": "standardised features"}
_WIDE = 0.15
_BEHIND = 0.05
_RIGHT = "will be answered right"


def headline(evaluation: pb.Evaluation) -> str:
    """The one sentence to remember."""
    if not evaluation.HasField("accuracy"):
        return "How accurate this model is cannot be said: there were too few examples to test it."
    found = evaluation.accuracy
    what = "will get all their labels and no other" if evaluation.several_labels else _RIGHT
    return (
        f"Of 100 new items like these, about {_of_100(found.estimate)} {what}; "
        f"very likely (19 times out of 20) between {_of_100(found.low)} and {_of_100(found.high)}."
    )


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"


def meaning(evaluation: pb.Evaluation) -> list[str]:
    """What to make of it and what to do, most important first."""
    if not evaluation.HasField("accuracy"):
        return ["Add a few more examples of each class, at least two, and train again."]
    several = evaluation.several_labels
    found = [
        _label_by_label(evaluation) if several else _against_guessing(evaluation),
        _width(evaluation),
        weakest(evaluation, behind=_BEHIND, advice="look at those examples first"),
        "" if several else _confused(evaluation),
        _unknown(evaluation),
    ]
    return [sentence for sentence in found if sentence]


def _against_guessing(evaluation: pb.Evaluation) -> str:
    counts = [found.example_count for found in evaluation.per_class]
    most = max(counts, default=0) / max(sum(counts), 1)
    guess = (
        f"Always answering the most common of the {len(counts)} classes would be right "
        f"{percent(most)} of the time"
    )
    if evaluation.accuracy.low > most:
        return f"{guess}; this model is clearly better than that."
    return f"{guess}; this model is not clearly better. Do not rely on it: add or correct examples."


def _label_by_label(evaluation: pb.Evaluation) -> str:
    return (
        "One label too many or too few makes an answer wrong. Label by label it is better: the F1"
        f" score over all labels together, 1 being perfect, is {evaluation.micro_f1:.2f}, and"
        f" {evaluation.macro_f1:.2f} on the mean over the labels. Add examples with and without the"
        " labels that fare worst."
    )


def _width(evaluation: pb.Evaluation) -> str:
    found = evaluation.accuracy
    if found.high - found.low <= _WIDE:
        return ""
    return (
        f"The range from {percent(found.low)} to {percent(found.high)} is wide because there are "
        f"only {count(evaluation.evaluated_count, 'example')}; four times as many would halve it."
    )


def weakest(evaluation: pb.Evaluation, *, behind: float, advice: str) -> str:
    """The classes that fare best and worst, with what to do, where they are further apart than
    `behind`; nothing of fewer than two."""
    scored = [found for found in evaluation.per_class if found.HasField("recall")]
    if len(scored) < 2:
        return ""
    worst = min(scored, key=lambda found: found.recall.estimate)
    best = max(scored, key=lambda found: found.recall.estimate)
    if worst.recall.estimate >= best.recall.estimate - behind:
        return "All classes fare about equally well."
    return (
        f"It does best on {best.label} (finds {percent(best.recall.estimate)} of them) and worst "
        f"on {worst.label} ({percent(worst.recall.estimate)}): {advice}."
    )


def _confused(evaluation: pb.Evaluation) -> str:
    found = mixed_up(evaluation)
    return f"Most often, {mixed(found[0])}" if found else "Not one held-out example was mixed up."


def _unknown(evaluation: pb.Evaluation) -> str:
    if not evaluation.unknown_rate:
        return ""
    return (
        "An input unlike all examples is flagged “unknown” instead of being guessed at; "
        f"{percent(evaluation.unknown_rate)} of the held-out examples were, too."
    )


def candidate(found: pb.Candidate) -> str:
    """The name of a candidate, for people."""
    name = KINDS.get(found.kind, found.kind)
    parameters = dict(found.parameters)
    scaling = parameters.pop("scaling", "")
    parts = [SCALINGS.get(scaling, scaling), *(f"{k} = {v}" for k, v in sorted(parameters.items()))]
    return ", ".join([name, *(part for part in parts if part)])
