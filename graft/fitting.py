"""Whether boxes fit the picture that they were drawn on.

A picture with a box that cannot be right is refused with all its boxes: a thing that is there and
not boxed would be learned as background. What can be mended without a guess is mended and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from graft.boxes import MAX_BOXES, MIN_SIDE, Box, Drawing, LabelledBox, fault_of

OVERHANG: Final = 0.01
"""A share of the picture's side, or OVERHANG_PIXELS where that is more: a box that sticks out no
further is cut to the picture, since people draw past its edge."""
OVERHANG_PIXELS: Final = 1.0
ROUNDING: Final = 0.01
"""Pixels: so much sticks out of what was written down with few digits, and is not told."""
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Fitted:
    """What became of a picture's boxes: `why` they are refused, or nothing and the boxes by label
    and place, within the picture and without origins; the `note` tells what was mended."""

    why: str
    boxes: tuple[LabelledBox, ...] = ()
    note: str = ""


def fit(drawing: Drawing, width: int, height: int) -> Fitted:
    """Look at the boxes of an upright picture that has `width` x `height` pixels."""
    count = len(drawing.boxes)
    if count > MAX_BOXES:
        return Fitted(f"a picture takes at most {MAX_BOXES} boxes. Received: {count} boxes")
    if why := _other_size(drawing, width, height):
        return Fitted(why)
    cut: list[str] = []
    boxes: list[LabelledBox] = []
    for number, sent in enumerate(drawing.boxes, start=1):
        name = f"{sent.origin or f'box {number}'}, {sent.label!r}"
        if why := fault_of(sent.box):
            return Fitted(f"{name}: {why}; correct or remove it. Received: {sent.box}")
        box = sent.box.scaled(width, height) if drawing.relative else sent.box
        whole, why = _within(box, width, height)
        if whole is None:
            return Fitted(f"{name}: {why}; correct or remove it. Received: {box}")
        if why:
            cut.append(f"{name}: {why}")
        boxes.append(LabelledBox(sent.label, whole, sent.crowd))
    return Fitted("", tuple(sorted(set(boxes))), " ".join(_notes(cut, boxes)))


def _other_size(drawing: Drawing, width: int, height: int) -> str:
    """Why boxes that were drawn on a picture of another size are none of this one, or nothing."""
    drawn = (drawing.width, drawing.height)
    if 0 in drawn or drawn == (width, height):
        return ""
    turned = drawn == (height, width)
    what = (
        "it is turned by its EXIF, and they were drawn before it was; turn the file itself, or the"
        " boxes"
        if turned
        else "scale the boxes with the picture, or send the picture that they were drawn on"
    )
    return (
        f"its boxes were drawn on {drawn[0]} x {drawn[1]} pixels, and it has {width} x {height}:"
        f" {what}. Received: {width} x {height}"
    )


def _within(box: Box, width: int, height: int) -> tuple[Box | None, str]:
    """The part of a box within the picture, and what was cut; None and why where that is not to
    be mended."""
    sides = (
        ("left", -box.left, width),
        ("upper", -box.top, height),
        ("right", box.right - width, width),
        ("lower", box.bottom - height, height),
    )
    told = []
    for name, out, side in sides:
        if out > max(OVERHANG_PIXELS, OVERHANG * side):
            size = f"{width} x {height}"
            return None, f"it lies {out:g} pixels beyond the {name} side of the picture, {size}"
        if out > ROUNDING:
            told.append(f"{out:.3g} pixels at the {name} side")
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    cut = Box(left, top, min(box.right, width) - left, min(box.bottom, height) - top)
    if cut.width < MIN_SIDE or cut.height < MIN_SIDE:
        return None, f"it has no area: less than {MIN_SIDE:g} pixels of it are in the picture"
    return cut, ", ".join(told)


def _notes(cut: Sequence[str], boxes: Sequence[LabelledBox]) -> list[str]:
    """Sentences about what was mended, and what is taken though it looks odd."""
    found = []
    if cut:
        found.append(f"{_counted(len(cut))} cut to the picture ({_named(cut)}).")
    again = [one for one, times in Counter(boxes).items() if times > 1]
    if again:
        found.append(f"{_counted(len(again))} given again and used once ({_named(again)}).")
    labels: dict[Box, set[str]] = {}
    for one in boxes:
        labels.setdefault(one.box, set()).add(one.label)
    torn = [
        f"{', '.join(map(repr, sorted(names)))} at {box}"
        for box, names in labels.items()
        if len(names) > 1
    ]
    if torn:
        found.append(f"{_counted(len(torn))} taken under several labels ({_named(torn)}).")
    return found


def _counted(count: int) -> str:
    return "1 box was" if count == 1 else f"{count} boxes were"


def _named(some: Sequence[str | LabelledBox]) -> str:
    texts = [one if isinstance(one, str) else f"{one.label!r} at {one.box}" for one in some]
    return "; ".join(texts[:_NAMED]) + ("; ..." if len(texts) > _NAMED else "")
