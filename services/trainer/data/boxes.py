"""What is told of the boxes of a data set's pictures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from graft.boxes import LabelledBox
from graft.detection.matching import SAME_PLACE, match
from graft.detection.overlap import overlaps

FEW_BOXES: Final = 5
"""A label with fewer boxes gets a warning."""
TINY: Final = 8.0
"""Pixels: a box with a shorter side gets a warning. The finest map that is looked at has a cell for
as many pixels."""
IMBALANCE: Final = 10
"""So many times as many boxes of the most frequent label as of the rarest get a warning."""
_LISTED: Final = 5


def same_things(some: Sequence[LabelledBox], others: Sequence[LabelledBox]) -> bool:
    """Whether two drawings of one picture say the same: each box has one of its own among the
    others, of its label and at its place (IoU 0.5, by which answers are judged, too)."""
    if some == others:
        return True
    if Counter(map(_kind, some)) != Counter(map(_kind, others)):
        return False
    return all(
        _paired(
            [one for one in some if _kind(one) == kind], [o for o in others if _kind(o) == kind]
        )
        for kind in set(map(_kind, some))
    )


def _kind(one: LabelledBox) -> tuple[str, bool]:
    return one.label, one.crowd


def _paired(some: Sequence[LabelledBox], others: Sequence[LabelledBox]) -> bool:
    """Whether as many boxes of one label find each other."""
    first, second = (np.array([_sides(one) for one in boxes]) for boxes in (some, others))
    none = np.zeros(len(others), np.bool_)
    taken = match(overlaps(first, second), np.array([SAME_PLACE]), crowd=none, aside=none)
    return bool((taken >= 0).all())


def _sides(one: LabelledBox) -> tuple[float, float, float, float]:
    return one.box.left, one.box.top, one.box.width, one.box.height


def box_counts(pictures: Sequence[Sequence[LabelledBox]]) -> dict[str, int]:
    """How many boxes of each label there are in pictures, crowds left out, by label; a label that
    only crowds bear has none."""
    counts = Counter({one.label: 0 for boxes in pictures for one in boxes})
    counts.update(one.label for boxes in pictures for one in boxes if not one.crowd)
    return dict(sorted(counts.items()))


def warnings_about_boxes(pictures: Sequence[Sequence[LabelledBox]]) -> list[str]:
    """Sentences about the boxes of a data set's pictures as a whole."""
    counts = box_counts(pictures)
    found = []
    if few := {label: n for label, n in counts.items() if n < FEW_BOXES}:
        smallest = sorted(few.items(), key=lambda item: (item[1], item[0]))
        names = ", ".join(f"{label}: {n}" for label, n in smallest[:_LISTED])
        names += ", ..." if len(few) > _LISTED else ""
        who = "1 label has" if len(few) == 1 else f"{len(few)} labels have"
        found.append(f"{who} fewer than {FEW_BOXES} boxes ({names}); draw some more")
    most, least = max(counts.values()), min(counts.values())
    if len(counts) > 1 and most >= IMBALANCE * max(least, 1):
        found.append(
            f"the most frequent label has {most} boxes and the rarest {least}; labels of like"
            " numbers make a fairer model"
        )
    boxes = [one.box for some in pictures for one in some if not one.crowd]
    tiny = sum(min(box.width, box.height) < TINY for box in boxes)
    if tiny:
        what = "1 box is" if tiny == 1 else f"{tiny} of {len(boxes)} boxes are"
        found.append(
            f"{what} narrower or lower than {TINY:g} pixels, which is hard to see; use pictures of"
            " more pixels, or cut them into parts"
        )
    return found
