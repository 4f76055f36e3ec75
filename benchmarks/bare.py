"""The bare machine: decode, backbone and head called one after the other, with nothing around."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from services.common.heads.base import Floats
from services.common.heads.head import Head
from services.common.image import DEFAULT_LIMITS, decode_picture
from services.embedder.engines.base import DEFAULT
from services.embedder.loaded import Loaded
from services.embedder.preprocess import parse


class Bare:
    """One loaded backbone, called directly from one thread."""

    def __init__(self, loaded: Loaded) -> None:
        self._engine = loaded.pipeline.engine
        self._preprocess = parse(loaded.backbone.preprocessing)

    def decode(self, jpeg: bytes) -> Floats:
        """One image file to float32 [height, width, 3]."""
        hint = self._preprocess.size_hint
        return self._preprocess(decode_picture(jpeg, limits=DEFAULT_LIMITS, size_hint=hint))

    def run(self, images: Sequence[Floats], endpoints: Sequence[str] = (DEFAULT,)) -> Floats:
        """Images to float32 [n, dim], the vectors of the endpoints joined in their order; n must
        be a size that the engine runs."""
        vectors = self._engine.run(np.stack(images), tuple(endpoints))
        return np.concatenate([vectors[name] for name in endpoints], axis=1)

    def embed_s(self, jpegs: Sequence[bytes]) -> float:
        """Seconds to decode and embed all these files, in batches of the engine's largest size."""
        size = self._engine.sizes.largest
        started = time.perf_counter()
        for start in range(0, len(jpegs), size):
            images = [self.decode(jpeg) for jpeg in jpegs[start : start + size]]
            while len(images) < size:
                images.append(images[-1])  # the last batch is padded
            self.run(images)
        return time.perf_counter() - started

    def predict_s(self, jpeg: bytes, head: Head, endpoints: Sequence[str]) -> dict[str, float]:
        """Seconds of each stage of one prediction by a head over these endpoints."""
        marks = [time.perf_counter()]
        image = self.decode(jpeg)
        marks.append(time.perf_counter())
        vectors = self.run([image], endpoints)
        marks.append(time.perf_counter())
        head.answer(vectors)
        marks.append(time.perf_counter())
        stages = zip(("decode", "backbone", "head"), np.diff(marks), strict=True)
        return {stage: float(seconds) for stage, seconds in stages}
