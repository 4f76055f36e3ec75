"""Boxes around the things of a picture, as people draw them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from graft.common.v1 import box_pb2
from graft.trainer.v1 import dataset_service_pb2

MAX_BOXES: Final = 1000
"""Boxes of one picture."""
MIN_SIDE: Final = 0.5
"""Pixels: what is narrower or lower is no area."""


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """A rectangle in pixels of the upright picture, from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def from_proto(cls, box: box_pb2.Box) -> Box:
        """Read a box off the wire."""
        return cls(box.left, box.top, box.width, box.height)

    def to_proto(self) -> box_pb2.Box:
        """Write it for the wire."""
        return box_pb2.Box(left=self.left, top=self.top, width=self.width, height=self.height)

    @property
    def right(self) -> float:
        """Where its right side is."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Where its lower side is."""
        return self.top + self.height

    def scaled(self, across: float, down: float) -> Box:
        """The box in a picture so many times as wide and as high."""
        return Box(self.left * across, self.top * down, self.width * across, self.height * down)

    def __str__(self) -> str:
        sides = (("left", self.left), ("top", self.top), ("width", self.width))
        return ", ".join(f"{name} {value:g}" for name, value in (*sides, ("height", self.height)))


@dataclass(frozen=True, slots=True, order=True)
class LabelledBox:
    """What is where. `crowd`: it covers several things of the label, and is neither trained on nor
    counted. `origin` says where it was read, such as `annotation 17`."""

    label: str
    box: Box
    crowd: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The boxes of a picture as they were written down; none where it shows nothing.

    They are in pixels of a picture of `width` x `height`, 0 where that was not said; with
    `relative` in shares of the picture's sides.
    """

    boxes: tuple[LabelledBox, ...] = ()
    width: int = 0
    height: int = 0
    relative: bool = False

    @classmethod
    def from_proto(cls, example: dataset_service_pb2.Example) -> Drawing:
        """Read the boxes of an example off the wire."""
        boxes = [
            LabelledBox(one.label, Box.from_proto(one.box), one.crowd, one.origin)
            for one in example.boxes
        ]
        return cls(tuple(boxes), example.drawn_width, example.drawn_height, example.relative)

    def write_to(self, example: dataset_service_pb2.Example) -> None:
        """Write them into an example for the wire."""
        for one in self.boxes:
            example.boxes.add(
                label=one.label, box=one.box.to_proto(), crowd=one.crowd, origin=one.origin
            )
        example.drawn_width, example.drawn_height = self.width, self.height
        example.relative = self.relative


def fault_of(box: Box) -> str:
    """What is wrong with a box, whatever picture it lies in, or nothing."""
    sides = (box.left, box.top, box.width, box.height)
    if not all(math.isfinite(side) for side in sides):
        return "a side is no finite number"
    if box.width < 0 or box.height < 0:
        return "its corners are swapped: the right and the lower side come second"
    if not box.width or not box.height:
        return "it has no area"
    return ""
