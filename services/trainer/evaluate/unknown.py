"""What the report says about `unknown`: numbers, and what they mean for a person. Pure."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.search.unknown import Unknown
from services.trainer.search.unknown_check import UnknownNumbers

METHOD = "distance from the examples and doubt between the classes, added"

# In so many of 100 pairs the stranger one is found: nearly always, mostly, or hardly more often
# than a coin would.
SURE, FAIR = 0.9, 0.75

NOTHING_FLAGGED = (
    "Too few examples could be held back to find out where the unknown begins, so that no input is "
    "flagged. Add a few more examples of each class and train again."
)


def unknown_check(unknown: Unknown, numbers: UnknownNumbers | None) -> pb.UnknownCheck:
    """The part of the Evaluation about `unknown`; `numbers` is None where nothing was compared."""
    found = pb.UnknownCheck(method=METHOD, kept_share=unknown.kept_share)
    if unknown.measured_kept_share is None:
        found.sentence = NOTHING_FLAGGED
        return found
    found.measured_kept_share = unknown.measured_kept_share
    said = [_flagged(unknown.measured_kept_share)]
    if numbers is not None:
        found.auroc = numbers.auroc
        found.auroc_max_probability = numbers.auroc_max_probability
        said += [_told_apart(numbers), _advice(numbers.auroc)]
    found.sentence = " ".join(said)
    return found


def _flagged(kept: float) -> str:
    return (
        f"About {100 * (1 - kept):.0f} of 100 inputs that do belong to one of your classes are "
        "flagged “unknown” as well: that is the price for flagging any."
    )


def _told_apart(numbers: UnknownNumbers) -> str:
    each = "each class" if numbers.fits == numbers.classes else "each of several groups of classes"
    return (
        f"To try it, {each} was hidden from a model in turn: of one input of a hidden class and "
        f"one of a known class, the hidden one looked stranger in {100 * numbers.auroc:.0f} of "
        "100 cases (50 would be guessing)."
    )


def _advice(auroc: float) -> str:
    if auroc >= SURE:
        return "You can rely on the flag, also for inputs that resemble your classes."
    if auroc >= FAIR:
        return (
            "Many inputs that resemble your classes are noticed, not all: if you know what else "
            "may come, add it as a class of its own."
        )
    return (
        "Do not rely on the flag for inputs that resemble your classes: if you know what else may "
        "come, add it as a class of its own. Something else altogether is noticed more easily."
    )
