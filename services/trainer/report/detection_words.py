"""What the numbers of a detector's report say, for a person who never heard of average precision.

Pure: an Evaluation in, plain text out (the page escapes it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.plain import count, percent
from services.trainer.report.words import weakest

KINDS: Final = {
    "missed": "a thing was not found",
    "background": "a box where there is nothing",
    "wrong_place": "a box beside the thing, too large or too small",
    "wrong_class": "a thing called by another name",
    "duplicate": "a second box on one thing",
}
"""What can go wrong, in words."""

_ADVICE: Final = {
    "missed": (
        "Look at the missed ones below and add pictures with things like them: as small, as far "
        "hidden, from that side, in that light."
    ),
    "background": (
        "Look at these boxes below. Where a thing is there after all, its box is missing in your "
        "data: draw it. Where there is none, add pictures of such places without any box."
    ),
    "wrong_place": (
        "Draw each box close around the whole of the thing, by the same rule in every picture, and "
        "look below for those that were drawn otherwise."
    ),
    "wrong_class": (
        "Add pictures of the classes that are taken for each other, and look for boxes with the "
        "wrong label; or make one class of what you need not tell apart."
    ),
    "duplicate": (
        "Add pictures in which things touch or hide each other, each with a box of its own, and "
        "look for boxes that were drawn around parts of a thing."
    ),
}
_WIDE: Final = 0.15
_BEHIND: Final = 0.1
_FEW: Final = 10
"""Things; what fewer of them say may be chance."""
_LOPSIDED: Final = 0.1
"""Things a picture; a smaller lean of the counts is none."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all classes: answers that are right and wrong, and things that were missed."""

    hit: int
    wrong: dict[str, int]

    @property
    def answers(self) -> int:
        """All boxes that were answered."""
        return self.hit + sum(n for kind, n in self.wrong.items() if kind != "missed")

    @property
    def things(self) -> int:
        """All things that there are."""
        return self.hit + self.wrong["missed"]


def totals(found: pb.DetectionEvaluation) -> Totals:
    """The errors of all classes, by kind."""
    wrong = {kind: sum(getattr(one, kind) for one in found.errors) for kind in KINDS}
    return Totals(sum(one.hit for one in found.errors), wrong)


def headline(evaluation: pb.Evaluation) -> str:
    """The one sentence to remember."""
    found = evaluation.detection
    if not found.HasField("map50"):
        return "How well it finds things cannot be said: there were too few pictures to test it."
    score = found.map50
    return (
        f"It scores {_of_100(score.estimate)} of 100 for finding things on new pictures like these;"
        f" very likely (19 times out of 20) between {_of_100(score.low)} and {_of_100(score.high)}."
    )


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"


def meaning(evaluation: pb.Evaluation) -> list[str]:
    """What to make of it and what to do, most important first."""
    found = evaluation.detection
    if not found.HasField("map50"):
        return ["Draw boxes in a few more pictures, at least two, and train again."]
    sentences = [
        _plainly(totals(found)),
        "What the score is: all boxes are put in order, the most certain first, and it tells how "
        "few wrong ones come before the things are found. 100 means that every thing is found "
        "before the first wrong box. A box is right when its label is, and when it and the thing "
        "share at least half of the area that they cover together. (Its name is mean average "
        "precision at IoU 0.5, mAP50, by COCO's definition.)",
        f"Where boxes must fit more closely, it scores {_of_100(found.map50_95)}: the mean over "
        "shares from 0.50 to 0.95.",
        _width(evaluation),
        weakest(evaluation, behind=_BEHIND, advice="draw more boxes of that first"),
        _unknown(evaluation),
    ]
    return [sentence for sentence in sentences if sentence]


def _plainly(found: Totals) -> str:
    if not found.things:
        return ""
    told = f"Of 100 things it finds about {_of_100(found.hit / found.things)}"
    if not found.answers:
        return f"{told}: it drew no box at all on the pictures that were held out."
    right = _of_100(found.hit / found.answers)
    return f"{told}, and of 100 boxes that it draws about {right} are right."


def _width(evaluation: pb.Evaluation) -> str:
    score = evaluation.detection.map50
    if score.high - score.low <= _WIDE:
        return ""
    return (
        f"The range from {_of_100(score.low)} to {_of_100(score.high)} is wide because there are "
        f"only {count(evaluation.evaluated_count, 'picture')}; four times as many would halve it."
    )


def _unknown(evaluation: pb.Evaluation) -> str:
    if not evaluation.unknown_rate:
        return ""
    return (
        "A thing unlike all that were shown is flagged “unknown” instead of being guessed at; "
        f"{percent(evaluation.unknown_rate)} of the things in held-out pictures were, too."
    )


def advice(found: pb.DetectionEvaluation) -> str:
    """What goes wrong most often, and what to do about it."""
    wrong = totals(found).wrong
    kind = max(wrong, key=lambda one: wrong[one])
    if not wrong[kind]:
        return "Nothing went wrong on the pictures that were held out."
    return f"Most often ({count(wrong[kind], 'time')}) {KINDS[kind]}. {_ADVICE[kind]}"


def by_size(found: pb.DetectionEvaluation) -> str:
    """Whether things of one size fare worse, and what to do; nothing where none does."""
    told = [band for band in found.bands if band.HasField("map50") and band.thing_count >= _FEW]
    if len(told) < 2:
        return ""
    worst = min(told, key=lambda band: band.map50)
    best = max(told, key=lambda band: band.map50)
    if worst.map50 >= best.map50 - _BEHIND:
        return "Things of all sizes fare about equally well."
    fix = (
        "take pictures from nearer or with more pixels, or cut large ones up before you label them."
        if worst.name == "small"
        else f"add pictures with {worst.name} ones."
    )
    return f"It does worst on {worst.name} things: {fix}"


def lean(found: pb.CountCheck) -> str:
    """Which way the counts are off."""
    if abs(found.bias) < _LOPSIDED:
        return "neither way"
    return f"{abs(found.bias):.1f} too {'many' if found.bias > 0 else 'few'}"
