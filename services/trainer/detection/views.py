"""What is made of few pictures, so that a detector does not learn them by heart. Pure.

Each picture is seen as it is, mirrored, and in views drawn at random: a part of it or more than all
of it, so that things come larger and smaller and in other places, in other light, mirrored or not
(the crops of "SSD", Liu et al., 2016); and in mosaics with three others (Bochkovskiy et al., 2020,
"YOLOv4"), which show several things at once where pictures show one.

A view is a function of its numbers alone: its name stands for its embedding in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.detection.scene import Truth
from services.common.detector.regions import Region, regions_of

SCALES: Final = (0.5, 1.6)
"""The side of a region, as a share of what is looked at without it."""

STRETCH: Final = 0.25
"""The log of how much wider than high a region may be, or the reverse."""

LIGHT: Final = 0.4
"""The log of the factors of brightness, contrast and colour."""

MOSAICS: Final = 0.25
"""The share of the random views that are mosaics."""

VISIBLE: Final = 0.4
"""A thing of which less can be seen is none to find; nor is it background."""

HARDLY: Final = 0.1
"""A thing of which less can be seen is not there."""

CACHED_BYTES: Final = 384 * 1024**2
"""The maps of all views together in the cache, about: more are not drawn but for LEAST_VIEWS."""

MAX_VIEWS: Final = 12
"""Views of one picture to train on."""

USUAL_VIEWS: Final = 1_200
"""Views of all pictures together: of many pictures each is seen in fewer."""

LEAST_VIEWS: Final = 2
"""Views of one picture, of however many, where memory allows (memory.py)."""

Size = tuple[int, int]


def views_each(pictures: int, numbers: int) -> int:
    """How many views of each picture are usually trained on, whose maps have so many `numbers`:
    fewer where there are many pictures."""
    most = min(USUAL_VIEWS, CACHED_BYTES // (2 * numbers) - pictures)
    return max(LEAST_VIEWS, min(MAX_VIEWS, most // max(1, pictures)))


@dataclass(frozen=True, slots=True)
class Part:
    """A region of the picture `number`, mirrored with `flip`, in other light (factors of
    brightness, contrast and colour), shown at `place`: left, top, right, bottom, shares."""

    number: int
    region: Region
    flip: bool = False
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)
    place: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class View:
    """What is embedded: one part, or four."""

    parts: tuple[Part, ...]

    @property
    def pictures(self) -> tuple[int, ...]:
        """Whose things it shows."""
        return tuple(part.number for part in self.parts)

    def key(self, keys: Sequence[bytes], side: int) -> bytes:
        """The name of its maps at `side` pixels, 32 bytes, for pictures with these SHA-256."""
        digest = hashlib.sha256(b"view 1 %d" % side)
        for part in self.parts:
            digest.update(keys[part.number])
            told = (part.region, part.flip, part.light, part.place)
            digest.update(repr(told).encode())
        return digest.digest()


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a view shows: `boxes` [n, 4] (left, top, right, bottom, shares of the view) of things
    with `labels` [n], and boxes [m, 4] to `ignore`: neither things nor background."""

    boxes: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray


def whole_views(size: Size, number: int, reach: float) -> list[View]:
    """The views with which a picture is answered, one a region."""
    return [View((Part(number, region),)) for region in regions_of(*size, reach)]


def training_views(
    keys: Sequence[bytes], sizes: Sequence[Size], count: int, share: float, seed: int
) -> list[View]:
    """`count` views of each of the pictures of these `keys`, the SHA-256 of their files, and
    `sizes`: as it is, mirrored, and drawn by `seed`.

    `share`: what share of a picture's longer side is looked at at once. A mosaic is counted to the
    first of its pictures. Draws go by what a picture shows and not by where it stands, so that most
    views stay the same, and in the cache, when pictures come or go.
    """
    words = np.frombuffer(b"".join(keys), "<u4").reshape(len(keys), -1)
    views: list[View] = []
    for number in range(len(keys)):
        whole = Region(0.0, 0.0, *map(float, sizes[number]))
        for place in range(count):
            rng = np.random.default_rng([seed, place, *words[number].tolist()])
            if place < 2 and share == 1.0:
                views.append(View((Part(number, whole, flip=place == 1),)))
            elif rng.random() < MOSAICS and len(keys) > 3:
                others = _others(words, number, rng)
                views.append(_mosaic(sizes, [number, *others], share, rng))
            else:
                views.append(View((_drawn(sizes[number], number, share, rng),)))
    return views


def _others(words: np.ndarray, first: int, rng: np.random.Generator) -> list[int]:
    """Three pictures beside the `first`: those of the highest hash (rendezvous hashing; Thaler and
    Ravishankar, 1998), so that a picture that comes or goes changes few choices. The hash is
    multiplicative (Dietzfelbinger et al., 1997): a digest times an odd number that is drawn."""
    factor = rng.integers(2**63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    hashes = np.ascontiguousarray(words[:, :2]).view("<u8")[:, 0] * factor
    ranked = np.argsort(hashes, kind="stable")[::-1].tolist()
    return [number for number in ranked[:4] if number != first][:3]


def _mosaic(
    sizes: Sequence[Size], numbers: Sequence[int], share: float, rng: np.random.Generator
) -> View:
    x, y = (float(at) for at in rng.uniform(0.35, 0.65, 2))
    places = ((0.0, 0.0, x, y), (x, 0.0, 1.0, y), (0.0, y, x, 1.0), (x, y, 1.0, 1.0))
    order = rng.permutation(4)
    return View(
        tuple(
            _drawn(sizes[number], number, share, rng, places[order[at]])
            for at, number in enumerate(numbers)
        )
    )


def _drawn(
    size: Size,
    number: int,
    share: float,
    rng: np.random.Generator,
    place: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> Part:
    scale = share * float(np.exp(rng.uniform(*np.log(SCALES))))
    stretch = float(np.exp(rng.uniform(-STRETCH, STRETCH)))
    longer = max(size)
    base = size if share == 1.0 else (longer, longer)
    width, height = base[0] * scale * stretch, base[1] * scale / stretch
    left = _start(width, size[0], rng)
    top = _start(height, size[1], rng)
    light = tuple(float(np.exp(n)) for n in rng.uniform(-LIGHT, LIGHT, 3))
    region = Region(round(left, 1), round(top, 1), round(width, 1), round(height, 1))
    return Part(number, region, bool(rng.random() < 0.5), (light[0], light[1], light[2]), place)


def _start(length: float, side: int, rng: np.random.Generator) -> float:
    return float(rng.uniform(min(0.0, side - length), max(0.0, side - length)))


def seen_in(view: View, truths: Sequence[Truth]) -> Seen:
    """The things that a view shows of pictures with these truths."""
    boxes, labels, ignore = [np.zeros((0, 4))], [np.zeros(0, np.int64)], [np.zeros((0, 4))]
    for part in view.parts:
        truth = truths[part.number]
        placed, visible = _placed(part, truth)
        thing = ~truth.crowd & (visible >= VISIBLE)
        boxes.append(placed[thing])
        labels.append(truth.labels[thing])
        ignore.append(placed[~thing & (visible >= HARDLY)])
    return Seen(np.concatenate(boxes), np.concatenate(labels), np.concatenate(ignore))


def _placed(part: Part, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of a truth as shares of the view, cut to the part, and what share is visible."""
    region = part.region
    corners = np.concatenate([truth.boxes[:, :2], truth.boxes[:, :2] + truth.boxes[:, 2:]], 1)
    origin = np.array([region.left, region.top] * 2)
    shares = (corners - origin) / np.array([region.width, region.height] * 2)
    cut = shares.clip(0, 1)
    whole = (shares[:, 2:] - shares[:, :2]).prod(axis=1)
    visible = (cut[:, 2:] - cut[:, :2]).prod(axis=1) / np.maximum(whole, 1e-12)
    if part.flip:
        cut = cut[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    return _moved(cut, part.place), visible


def _moved(boxes: np.ndarray, place: tuple[float, float, float, float]) -> np.ndarray:
    left, top, right, bottom = place
    scale = np.array([right - left, bottom - top] * 2)
    return np.asarray(boxes * scale + np.array([left, top] * 2))
