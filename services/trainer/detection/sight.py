"""The maps of views: rendered, embedded once and cached, read back as the network takes them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.embedder.v1 import backbone_pb2
from services.common.image import decode_picture
from services.common.store import Store
from services.trainer.detection.plan import Plan
from services.trainer.detection.render import render
from services.trainer.detection.views import SCALES, View
from services.trainer.embeddings import EmbedderClient, Embeddings
from services.trainer.source import Source, caches

MAX_PICTURES: Final = 16
"""Decoded pictures that are kept for the next views of them."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a job: their SHA-256, where they came from, their sizes (width, height), and
    how their files are read."""

    keys: Sequence[bytes]
    paths: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    files: Callable[[list[int]], list[bytes]]


class Sight:
    """What the backbone sees of the pictures of one job."""

    def __init__(
        self,
        store: Store,
        client: EmbedderClient,
        project: str,
        backbone: backbone_pb2.Backbone,
        plan: Plan,
        pictures: Pictures,
    ) -> None:
        self._pictures = pictures
        self._plan = plan
        self._source = Source(backbone, plan.endpoints, side=plan.geometry.side)
        self._embeddings = Embeddings(caches(store, project, self._source), client, self._source)
        self._decoded: OrderedDict[int, Image.Image] = OrderedDict()
        self.embedded_count = 0
        self.cached_count = 0

    def maps(self, views: Sequence[View], tell: Tell) -> list[NDArray[np.float16]]:
        """The maps of views, float16 `[n, h, w, channels]` at each endpoint of the plan.

        Raises what the embedder says of a picture, naming its path.
        """
        keys = [view.key(self._pictures.keys, self._plan.geometry.side) for view in views]
        paths = [self._pictures.paths[view.pictures[0]] for view in views]
        found = self._embeddings.vectors(
            keys,
            paths,
            lambda places: [self._file(views[place]) for place in places],
            progress=tell,
        )
        self.embedded_count += found.embedded_count
        self.cached_count += found.cached_count
        self._decoded.clear()
        return [
            found.vectors[name].reshape(len(views), *shape)
            for name, shape in zip(self._plan.endpoints, self._plan.shapes, strict=True)
        ]

    def _file(self, view: View) -> bytes:
        part = view.parts[0]
        if len(view.parts) == 1 and _untouched(part, self._pictures.sizes[part.number]):
            return self._pictures.files([part.number])[0]  # as the predictor sends it
        return render(view, self._plan.geometry.side, self._picture, self._pictures.sizes)

    def _picture(self, number: int) -> Image.Image:
        """The decoded picture, perhaps smaller than it is, kept for the next view of it."""
        if number in self._decoded:
            self._decoded.move_to_end(number)
            return self._decoded[number]
        pixels = round(2 * self._plan.geometry.side / (SCALES[0] * self._plan.share))
        data = self._pictures.files([number])[0]
        picture = decode_picture(data, size_hint=(pixels, pixels))
        while len(self._decoded) >= MAX_PICTURES:
            self._decoded.popitem(last=False)
        self._decoded[number] = picture
        return picture


def _untouched(part: Any, size: tuple[int, int]) -> bool:
    region = part.region
    whole = (region.left, region.top, region.width, region.height) == (0.0, 0.0, *size)
    return whole and not part.flip and part.light == (1.0, 1.0, 1.0)
