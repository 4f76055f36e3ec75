"""One picture and its boxes, gathered as a reader finds them.

A picture is taken with all its boxes or not at all: a thing that is there and not boxed would be
learned as background.
"""

from __future__ import annotations

from typing import Any, Final

from graft.boxes import MAX_BOXES, Box, Drawing, LabelledBox, fault_of
from graft.content import Item, Problem
from graft.errors import InvalidArgument
from graft.examples import Example, check_label

_SHOWN: Final = 120


class Picture:
    """Owns the boxes of one picture until its example is made; `name` is its path as shown."""

    def __init__(self, name: str, source: Item | Problem) -> None:
        self.name = name
        self._source = source
        self._boxes: list[LabelledBox] = []
        self._why = ""
        self._faults = 0

    def add(self, file: str, origin: str, label: str, box: Box, *, crowd: bool = False) -> None:
        """Take a box that was read at `origin` of a `file`; one that cannot be right is a fault."""
        place = f"{file} {origin}"
        try:
            check_label(label, place)
        except InvalidArgument as error:
            self.blame(error.message)
            return
        if why := fault_of(box):
            self.fault(f"{place}, {label!r}", why, str(box))
        elif len(self._boxes) == MAX_BOXES:
            self.fault(place, f"a picture has at most {MAX_BOXES} boxes", "one more")
        else:
            self._boxes.append(LabelledBox(label, box, crowd, place))

    def fault(self, place: str, why: str, received: Any) -> None:
        """Note that what stands at `place` cannot be right."""
        shown = received if isinstance(received, str) else repr(received)
        self.blame(f"{place}: {why}; correct or remove it. Received: {shown[:_SHOWN]}")

    def blame(self, sentence: str) -> None:
        """Note a fault, as a whole sentence; the first is told."""
        self._why = self._why or sentence
        self._faults += 1

    def example(self, *, width: int = 0, height: int = 0, relative: bool = False) -> Example:
        """The example; with a problem in the place of its picture where anything is wrong.

        `width` and `height` are those that were written down with the boxes, 0 where none were.
        """
        if self._why and not isinstance(self._source, Problem):
            more = f" ({self._faults - 1} more faults of it)" if self._faults > 1 else ""
            return Example(self.name, (), Problem("INVALID_ARGUMENT", self._why + more), Drawing())
        drawing = Drawing(tuple(self._boxes), width, height, relative)
        return Example(self.name, (), self._source, drawing)


def number_of(value: Any) -> float | None:
    """A number, or a text that is one, as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
