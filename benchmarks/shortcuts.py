"""Is a logo found on the one class that bears it, and nothing on sets that bear none?

    python -m benchmarks.shortcuts

A logo of 8, 11 or 15% of the width is stamped in a corner of the pictures of one class, opaque or
half-transparent, on all of them or on 70%. `found` counts the trials in which that class is named
with a region that overlaps the logo, `others` the other classes that are named. `alarms` counts
what is named on draws of the sets as they are, by examples a class, of so many classes judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks import record
from benchmarks.copies import SETS, Picture, jpeg, pictures, sketch
from services.trainer.data.sketch import Sketches, stack
from services.trainer.evaluate.shortcuts import MARK, Shortcut, find_shortcuts

STAMPED_SETS = ("clothing", "houses", "cifar10", "cat_dog")
EACH = 60
STAMPED_CLASSES = 3
WIDTHS = (0.08, 0.11, 0.15)
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
ALARM_KS = (10, 25, 50, 100)
ALARM_DRAWS = 5

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Box:
    """A region in shares of the picture."""

    left: float
    top: float
    width: float
    height: float

    def overlaps(self, found: Shortcut) -> bool:
        """Whether they have a place in common."""
        return (
            max(self.left, found.left) < min(self.left + self.width, found.left + found.width)
        ) and (max(self.top, found.top) < min(self.top + self.height, found.top + found.height))


def _logo(number: int) -> Image.Image:
    """One of three: a sign, two words, a ring."""
    logo = Image.new("RGB", (64, 64), ("white", (20, 20, 20), (30, 60, 160))[number])
    draw = ImageDraw.Draw(logo)
    if number == 0:
        draw.ellipse((8, 8, 56, 56), fill=(200, 30, 30))
        draw.rectangle((28, 16, 36, 48), fill="white")
    elif number == 1:
        draw.text((8, 4), "ACME", fill="yellow", font_size=20)
        draw.text((8, 34), "LTD", fill="yellow", font_size=22)
    else:
        draw.ellipse((10, 10, 54, 54), outline="white", width=10)
    return logo


def _stamp(
    picture: Image.Image, logo: Image.Image, share: float, corner: tuple[int, int], opacity: float
) -> tuple[Image.Image, Box]:
    width, height = picture.size
    side, margin = max(3, round(share * width)), round(0.02 * width)
    x = width - side - margin if corner[0] else margin
    y = height - side - margin if corner[1] else margin
    under = picture.crop((x, y, x + side, y + side))
    over = logo.resize((side, side), Image.Resampling.LANCZOS)
    stamped = picture.copy()
    stamped.paste(Image.blend(under, over, opacity), (x, y))
    return stamped, Box(x / width, y / height, side / width, side / height)


def _draw(found: list[Picture], each: int, seed: int) -> tuple[list[Picture], Indices]:
    """At most `each` pictures of each class, in random order, and the class of each."""
    rng = np.random.default_rng(seed)
    labels = sorted({picture.label for picture in found})
    some = [picture for label in labels for picture in _some(found, label, each, rng)]
    return some, np.array([labels.index(picture.label) for picture in some], np.int64)


def _some(
    found: list[Picture], label: str, each: int, rng: np.random.Generator
) -> Iterator[Picture]:
    own = [picture for picture in found if picture.label == label]
    yield from (own[at] for at in rng.permutation(len(own))[:each])


def _trials(name: str, opacity: float, carriers: float) -> dict[str, object]:
    """How often the stamped class is named, over widths and classes; logo and corner vary."""
    some, y = _draw(pictures(name, "train"), EACH, 0)
    plain = stack([sketch(picture.path.read_bytes()) for picture in some])
    rng = np.random.default_rng(1)
    hits, others, trials = 0, 0, 0
    for label in range(min(STAMPED_CLASSES, y.max() + 1)):
        for share in WIDTHS:
            bearing = np.flatnonzero(y == label)
            bearing = bearing[: round(carriers * len(bearing))]
            logo, corner = _logo(int(rng.integers(3))), CORNERS[rng.integers(4)]
            made, boxes = plain.copy(), []
            for item in bearing:
                stamped, box = _stamp(some[item].opened(), logo, share, corner, opacity)
                made[item] = stack([sketch(jpeg(stamped, int(rng.integers(70, 96))))])[0]
                boxes.append(box)
            found = find_shortcuts(made, y)
            right = [each for each in found if each.label == label and each.kind == MARK]
            hits += any(boxes[0].overlaps(each) for each in right)
            others += sum(each.label != label for each in found)
            trials += 1
    return {"found": f"{hits} of {trials}", "others": others}


def _alarms(name: str) -> dict[str, str]:
    found = pictures(name, "train")
    drawn = {picture.path: sketch(picture.path.read_bytes()) for picture in found}
    alarms = {"all": _alarm(drawn, found, len(found), 1)}
    for k in ALARM_KS:
        alarms[str(k)] = _alarm(drawn, found, k, ALARM_DRAWS)
    return alarms


def _alarm(drawn: dict[Path, bytes], found: list[Picture], k: int, draws: int) -> str:
    alarms, judged = 0, 0
    for seed in range(draws):
        some, y = _draw(found, k, seed)
        sketches: Sketches = stack([drawn[picture.path] for picture in some])
        alarms += len(find_shortcuts(sketches, y))
        judged += int(y.max()) + 1
    return f"{alarms} of {judged}"


def main() -> None:
    """Measure, print and keep."""
    stamped = {
        f"opacity {opacity}, on {carriers:.0%}": {
            name: _trials(name, opacity, carriers) for name in STAMPED_SETS
        }
        for opacity in (1.0, 0.5)
        for carriers in (1.0, 0.7)
    }
    record.keep("shortcuts", {"stamped": stamped, "alarms": {n: _alarms(n) for n in SETS}})


if __name__ == "__main__":
    main()
