"""From a decoded image to a backbone's input, as one line of text.

The line is stored with the backbone and is part of its identity, so that training and serving
cannot differ:

    rgb|resize(96,96,'bilinear','antialias')|scale(0.0,1.0)

`rgb` stands for the decoder of services/common/image.py; `resize(height,width,...)` does not keep
the aspect, as the backbones were trained and as the baselines are measured; `scale(low,high)` maps
0..255 onto low..high as float32.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.errors import InvalidArgument

# A picture is decoded or box-reduced to no less than this many times the wanted size before the
# antialiased resize: 2 is 3 to 4 times faster on large photos and moves a vector by less than the
# choice of a JPEG decoder does.
REDUCING_GAP = 2.0

_EXAMPLE = "rgb|resize(96,96,'bilinear','antialias')|scale(0.0,1.0)"
MAX_SIDE = 4096
"""The largest input of a backbone, in pixels a side."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """uint8 [H, W, 3] (or a Pillow image of mode RGB) -> float32 [height, width, 3]."""

    height: int
    width: int
    low: float
    high: float

    def __str__(self) -> str:
        resize = f"resize({self.height},{self.width},'bilinear','antialias')"
        return f"rgb|{resize}|scale({self.low!r},{self.high!r})"

    def __call__(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.float32]:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        if picture.size != (self.width, self.height):
            picture = picture.resize(
                (self.width, self.height), Image.Resampling.BILINEAR, reducing_gap=REDUCING_GAP
            )
        scale = np.float32((self.high - self.low) / 255.0)
        out: NDArray[np.float32] = np.multiply(np.asarray(picture), scale, dtype=np.float32)
        return out if self.low == 0.0 else np.add(out, np.float32(self.low), out=out)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of what it answers."""
        return (self.height, self.width, 3)

    @property
    def size_hint(self) -> tuple[int, int]:
        """What the decoder may shrink a JPEG to (height, width)."""
        return (math.ceil(self.height * REDUCING_GAP), math.ceil(self.width * REDUCING_GAP))


def parse(line: str) -> Preprocess:
    """Reads the line; `str` of the answer is its canonical form. InvalidArgument names the step."""
    steps = line.split("|")
    if len(steps) != 3 or steps[0].strip() != "rgb":
        raise _wrong("three steps that begin with rgb", line)
    height, width = _resize(steps[1])
    low, high = _scale(steps[2])
    return Preprocess(height, width, low, high)


def _resize(step: str) -> tuple[int, int]:
    match _arguments("resize", step):
        case (int(height), int(width), "bilinear", "antialias"):
            if 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE:
                return height, width
    raise _wrong(f"resize(height,width,'bilinear','antialias'), sides to {MAX_SIDE}", step)


def _scale(step: str) -> tuple[float, float]:
    match _arguments("scale", step):
        case (int() | float() as low, int() | float() as high):
            if -math.inf < low < high < math.inf:
                return float(low), float(high)
    raise _wrong("scale(low,high) with low below high", step)


def _arguments(name: str, step: str) -> tuple[object, ...]:
    step = step.strip()
    if not (step.startswith(f"{name}(") and step.endswith(")")):
        raise _wrong(f"a step {name}(...)", step)
    try:
        value = ast.literal_eval(f"({step[len(name) + 1 : -1]},)")
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise _wrong(f"literals inside {name}(...)", step) from error
    return value if isinstance(value, tuple) else ()


def _wrong(wanted: str, received: str) -> InvalidArgument:
    text = f"a preprocessing line needs {wanted}, as in {_EXAMPLE}; got {received!r}"
    return InvalidArgument(text, field="preprocessing")
