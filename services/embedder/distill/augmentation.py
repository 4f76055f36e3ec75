"""Views of pictures: what both networks look at, drawn once and rendered at any size.

A view is a random resized crop with colours changed, mirrored or not; one in five is a mixture of
two pictures (mixup, Zhang et al. 2018), one in five a collage of four. A collage shows pictures
smaller than they are stored, so that detail as sharp as the network's input is seen too.

Teacher and student look at the same view (Beyer et al., "Knowledge distillation: a good teacher is
patient and consistent", 2022). A view depends on the seed, its number and the picture alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.embedder.distill.pictures import Pictures

PLAIN, MIXED, COLLAGE = 0, 1, 2
_SHARES: Final = (0.6, 0.2, 0.2)
_PARTS: Final = 4
_AREA: Final = (0.3, 1.0)
_ASPECT: Final = 4 / 3
_SPLIT: Final = (0.35, 0.65)
_BRIGHTNESS: Final = (0.7, 1.3)
_CONTRAST: Final = (0.7, 1.3)
_SATURATION: Final = (0.4, 1.4)
_GREY_SHARE: Final = 0.1
_LUMA: Final = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Views:
    """One view of each of N pictures.

    `who` int [N, 4] are the pictures in it, its own first; `boxes` [N, 4, 4] their crops, left,
    top, right, bottom as shares of the side; `mix` [N] the share of its own in a mixture; `split`
    [N, 2] where a collage is cut, x and y; `colour` [N, 3, 4] the affine map of RGB in [0, 1].
    """

    kind: NDArray[np.int64]
    who: NDArray[np.int64]
    boxes: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    mix: NDArray[np.float32]
    split: NDArray[np.float32]
    colour: NDArray[np.float32]

    def render(
        self, pictures: Pictures, rows: NDArray[np.int64], size: tuple[int, int]
    ) -> Rendered:
        """The views of these pictures as float32 [rows, height, width, 3] in [0, 1]."""
        found = np.stack([self._raw(pictures, int(row), *size) for row in rows])
        colour = self.colour[rows]
        flat = found.reshape(len(rows), -1, 3) @ colour[:, :, :3].transpose(0, 2, 1)
        flat += colour[:, np.newaxis, :, 3]
        out: Rendered = np.clip(flat, 0.0, 1.0, out=flat).reshape(found.shape)
        return out

    def shares(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """How much of each view each of its pictures makes up: [rows, 4], 1 in sum."""
        shares = np.zeros((len(rows), _PARTS), np.float32)
        shares[:, 0] = 1.0
        mixed, collage = self.kind[rows] == MIXED, self.kind[rows] == COLLAGE
        shares[mixed, 0] = self.mix[rows][mixed]
        shares[mixed, 1] = 1.0 - self.mix[rows][mixed]
        x, y = self.split[rows][collage].T
        shares[collage] = np.stack([x * y, (1 - x) * y, x * (1 - y), (1 - x) * (1 - y)], axis=1)
        return shares

    def _raw(self, pictures: Pictures, row: int, height: int, width: int) -> Rendered:
        kind = self.kind[row]
        if kind == COLLAGE:
            found = self._collage(pictures, row, height, width)
        else:
            found = self._part(pictures, row, 0, height, width)
            if kind == MIXED:
                other = self._part(pictures, row, 1, height, width)
                found = self.mix[row] * found + (1.0 - self.mix[row]) * other
        return found[:, ::-1] if self.mirrored[row] else found

    def _collage(self, pictures: Pictures, row: int, height: int, width: int) -> Rendered:
        x, y = round(float(self.split[row, 0]) * width), round(float(self.split[row, 1]) * height)
        found = np.empty((height, width, 3), np.float32)
        found[:y, :x] = self._part(pictures, row, 0, y, x)
        found[:y, x:] = self._part(pictures, row, 1, y, width - x)
        found[y:, :x] = self._part(pictures, row, 2, height - y, x)
        found[y:, x:] = self._part(pictures, row, 3, height - y, width - x)
        return found

    def _part(self, pictures: Pictures, row: int, part: int, height: int, width: int) -> Rendered:
        left, top, right, bottom = (pictures.side * float(n) for n in self.boxes[row, part])
        picture = Image.fromarray(np.asarray(pictures.pixels[self.who[row, part]]))
        part_of = picture.resize(
            (width, height), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
        )
        return np.asarray(part_of, np.float32) * np.float32(1 / 255)


Rendered = NDArray[np.float32]


def draw(count: int, number: int, *, seed: int) -> Views:
    """View `number` of each of `count` pictures."""
    rng = np.random.default_rng([seed, number])
    who = rng.integers(0, count, (count, _PARTS))
    who[:, 0] = np.arange(count)
    return Views(
        kind=rng.choice(3, count, p=_SHARES),
        who=who,
        boxes=_boxes(rng, count),
        mirrored=rng.random(count) < 0.5,
        mix=rng.uniform(0.5, 1.0, count).astype(np.float32),
        split=rng.uniform(*_SPLIT, (count, 2)).astype(np.float32),
        colour=_colour(rng, count),
    )


def _boxes(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    area = rng.uniform(*_AREA, (count, _PARTS))
    stretch = np.sqrt(np.exp(rng.uniform(-np.log(_ASPECT), np.log(_ASPECT), (count, _PARTS))))
    width, height = (np.minimum(np.sqrt(area) * s, 1.0) for s in (stretch, 1 / stretch))
    left, top = ((1.0 - side) * rng.random((count, _PARTS)) for side in (width, height))
    boxes = np.stack([left, top, left + width, top + height], axis=2)
    found: NDArray[np.float32] = np.clip(boxes, 0.0, 1.0).astype(np.float32)
    return found


def _colour(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """x' = brightness (contrast (saturation x + (1 - saturation) grey x - 1/2) + 1/2)."""
    ranges = (_BRIGHTNESS, _CONTRAST, _SATURATION)
    brightness, contrast, saturation = (rng.uniform(*each, (count, 1, 1)) for each in ranges)
    saturation = np.where(rng.random((count, 1, 1)) < _GREY_SHARE, 0.0, saturation)
    grey = np.broadcast_to(np.array(_LUMA), (count, 3, 3))
    matrix = brightness * contrast * (saturation * np.eye(3) + (1 - saturation) * grey)
    shift = np.broadcast_to(brightness * (0.5 - 0.5 * contrast), (count, 3, 1))
    return np.concatenate([matrix, shift], axis=2).astype(np.float32)
