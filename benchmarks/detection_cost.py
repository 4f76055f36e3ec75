"""What a detection costs beside a classification of the same picture at the same resolution:
`python -m benchmarks.detection_cost`.

Both decode a picture, run mobilenet_v2_100_224 at 320 x 320 pixels with the engine that serves, and
apply a head: a linear one of 1,280 numbers and 10 labels, or a detector of five networks (not
trained: the work is the same). One picture at a time, turn by turn; medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection import BACKBONE, SET
from benchmarks.pictures import SHARED
from benchmarks.record import keep
from services.common.detector.detector import Detector, Geometry
from services.common.detector.merge import merge
from services.common.detector.network import EXTRA, Network
from services.common.detector.regions import Region
from services.common.heads.blocks import Blocks
from services.common.heads.linear import LinearHead
from services.common.image import decode_picture
from services.embedder.engines.base import EngineOptions
from services.embedder.engines.choose import load_engine
from services.embedder.engines.runtime import configure
from services.embedder.preprocess import Preprocess

SIDE: Final = 320
ROUNDS: Final = 60
WIDTH: Final = 64
_OPTIONS: Final = EngineOptions(threads=2, gpu_memory_mib=0)


def main() -> None:
    """Run the benchmark."""
    configure(_OPTIONS)
    files = [path.read_bytes() for path in sorted((SET / "images").iterdir())[:20]]
    intake = Preprocess(SIDE, SIDE, 0.0, 1.0)
    classify, detect = _classifier(intake), _detector(intake)
    spent: dict[str, list[float]] = {"classify": [], "detect": []}
    for number in range(ROUNDS):
        data = files[number % len(files)]
        for name, run in (("classify", classify), ("detect", detect)):
            began = time.perf_counter()
            run(data)
            spent[name].append(1000 * (time.perf_counter() - began))
    medians = {f"{name}_ms": round(median(values[5:]), 2) for name, values in spent.items()}
    ratio = round(medians["detect_ms"] / medians["classify_ms"], 2)
    keep("detection_cost", {"backbone": BACKBONE, "side": SIDE, **medians, "ratio": ratio})


def _load(maps: bool) -> Any:
    folder = SHARED / "backbones" / BACKBONE
    return load_engine(folder, height=SIDE, width=SIDE, options=_OPTIONS, name=BACKBONE, maps=maps)


def _batch(intake: Preprocess, data: bytes) -> NDArray[np.float32]:
    return intake(decode_picture(data, size_hint=intake.size_hint))[np.newaxis]


def _classifier(intake: Preprocess) -> Callable[[bytes], object]:
    engine, rng = _load(maps=False), np.random.default_rng(0)
    weights = rng.normal(size=(1280, 10)).astype(np.float32)
    bias = np.zeros(10, np.float32)
    head = LinearHead([str(n) for n in range(10)], weights, bias, blocks=Blocks.unit(1280))
    return lambda data: head.answer(engine.run(_batch(intake, data), ("default",))["default"])


def _detector(intake: Preprocess) -> Callable[[bytes], object]:
    engine = _load(maps=True)
    geometry = Geometry(SIDE, 32, 640.0, (16, 32))
    channels = (96, 320)
    folded = [fold.channels(c) for fold, c in zip(geometry.folds, channels, strict=True)]
    networks = tuple(_network(seed, folded) for seed in range(5))
    detector = Detector(("thing",), channels, geometry, networks, np.full(1, 0.3, np.float32))

    def run(data: bytes) -> object:
        maps = engine.run(_batch(intake, data), ("stride16", "stride32"))
        found = detector.answer([maps["stride16"], maps["stride32"]])
        return merge(found, [Region(0, 0, 640, 480)], 640, 480)

    return run


def _network(seed: int, channels: list[int]) -> Network:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float32]:
        return (0.02 * rng.normal(size=shape)).astype(np.float32)

    return Network(
        tuple(draw(c, WIDTH) for c in channels),
        draw(channels[-1], WIDTH),
        draw(WIDTH),
        tuple((draw(3, 3, WIDTH, WIDTH), draw(WIDTH)) for _ in range(2)),
        draw(WIDTH, 1 + EXTRA),
        draw(1 + EXTRA),
    )


if __name__ == "__main__":
    main()
