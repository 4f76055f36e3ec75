"""How what a detector found, and its report, are told."""

from __future__ import annotations

from typing import Any, Final

from graft.boxes import Box
from graft.cli.boxes import errors_words
from graft.cli.output import say, share
from graft.client.detections import Detected
from graft.client.reports import DetectionReport

COLUMNS: Final = ("input", "label", "score", "box", "unknown")
"""A box is told by its left and upper side, then its width and height, in pixels."""


def rows(shown: str, found: Detected) -> list[list[object]]:
    """A row an object; one that says so where nothing was found."""
    if not found.objects:
        return [[shown, "(nothing found)", "", "", ""]]
    return [
        [shown, one.label, f"{one.score:.3f}", place(one.box), "yes" if one.unknown else ""]
        for one in found.objects
    ]


def place(box: Box) -> str:
    """Where a box is, in whole pixels."""
    return f"{box.left:.0f}, {box.top:.0f}, {box.width:.0f} x {box.height:.0f}"


def document(found: Detected) -> dict[str, Any]:
    """What was found in a picture of `width` x `height` pixels, as JSON has it."""
    return {"objects": found.objects, "width": found.width, "height": found.height}


def tell_report(found: DetectionReport) -> None:
    """Print what a report says of boxes, beside its classes."""
    say(f"mAP50-95 {share(found.map50_95)}")
    if found.outlook:
        say(found.outlook)
    say(errors_words(found.errors))
