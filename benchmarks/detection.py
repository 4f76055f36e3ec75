"""How well detectors find things, trained on few pictures: `python -m benchmarks.detection`.

Of the raccoons of the shared data: draws of 10, 25 and all 160 pictures, with mobilenet_v2_100_224;
mean average precision at IoU 0.5 (COCO's) on the test pictures, beside what the held-out pictures
told, and what single networks reach. `--rest` answers the training pictures that a draw left over
in the place of the test pictures: for choices, in which the test pictures shall have no part.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import SHARED
from benchmarks.record import keep
from graft.detection.average_precision import average_precision
from graft.detection.scene import Scene, Truth
from graft.embedder.v1 import backbone_pb2
from services.common.backbones import record
from services.common.detector.detector import Detector
from services.common.image import decode_picture, inspect
from services.common.store import open_store
from services.embedder.engines.base import EngineOptions
from services.embedder.engines.choose import load_engine
from services.embedder.engines.runtime import configure
from services.embedder.preprocess import Preprocess
from services.trainer.detection.lesson import see
from services.trainer.detection.memory import affordable
from services.trainer.detection.plan import make_plans
from services.trainer.detection.sight import Pictures
from services.trainer.detection.training import (
    Lesson,
    Trained,
    answer_pictures,
    scene_of,
    train,
)
from services.trainer.fitters.detector import Recipe, fit_network
from services.trainer.source import Source

BACKBONE: Final = "mobilenet_v2_100_224"
SET: Final = SHARED / "data" / "raccoon"
SIZES: Final = (10, 25, 160)
DRAWS: Final = 3
OPTIONS: Final = EngineOptions(threads=2, gpu_memory_mib=0)


@dataclass(frozen=True)
class Photos:
    """The files of some pictures, and what they show."""

    files: Sequence[bytes]
    truths: Sequence[Truth]
    labels: tuple[str, ...]

    def part(self, numbers: Sequence[int]) -> Photos:
        """Some of them."""
        return replace(
            self,
            files=[self.files[n] for n in numbers],
            truths=[self.truths[n] for n in numbers],
        )

    def __add__(self, other: Photos) -> Photos:
        return replace(
            self, files=[*self.files, *other.files], truths=[*self.truths, *other.truths]
        )


class Local:
    """The embedder without a network: what `Embeddings` asks of one."""

    def __init__(self, backbone: Path) -> None:
        self._folder = backbone
        self._engines: dict[int, Any] = {}
        self._one = threading.Lock()  # an engine is for one thread; three ask

    def embed(self, source: Source, files: Sequence[bytes]) -> list[NDArray[np.float16]]:
        """The maps of files, flat."""
        with self._one:
            return self._embed(source, files)

    def _embed(self, source: Source, files: Sequence[bytes]) -> list[NDArray[np.float16]]:
        side = source.side
        if side not in self._engines:
            self._engines[side] = load_engine(
                self._folder, height=side, width=side, options=OPTIONS, name=BACKBONE, maps=True
            )
        engine, intake = self._engines[side], Preprocess(side, side, 0.0, 1.0)
        rows: dict[str, list[NDArray[np.float16]]] = {name: [] for name in source.endpoints}
        for start in range(0, len(files), engine.sizes.largest):
            some = files[start : start + engine.sizes.largest]
            for size in _powers(len(some)):
                batch = [
                    intake(decode_picture(data, size_hint=intake.size_hint)) for data in some[:size]
                ]
                some = some[size:]
                for name, maps in engine.run(np.stack(batch), source.endpoints).items():
                    rows[name].append(maps.reshape(size, -1).astype(np.float16))
        return [np.concatenate(rows[name]) for name in source.endpoints]


def _taken(intake: Preprocess, data: bytes) -> NDArray[np.float32]:
    return intake(decode_picture(data, size_hint=intake.size_hint))


def _powers(count: int) -> list[int]:
    return [1 << n for n in range(count.bit_length()) if count >> n & 1]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rest", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--draws", type=int, default=DRAWS)
    asked = parser.parse_args()
    configure(OPTIONS)
    whole, test = read_photos("train"), read_photos("test")
    client, rows = Local(SHARED / "backbones" / BACKBONE), []
    for size in asked.sizes:
        for seed in range(asked.draws):
            order = np.random.default_rng(seed).permutation(len(whole.files)).tolist()
            rest = whole.part(order[size:][:80]) if asked.rest else test
            row = _draw(client, whole.part(order[:size]), rest, seed)
            rows.append({"pictures": size, "seed": seed, **row})
            print(json.dumps(rows[-1]), flush=True)
    means = {
        str(size): {
            name: round(float(np.mean([float(r[name]) for r in rows if r["pictures"] == size])), 3)
            for name in ("map50", "held_out_map50", "single_map50", "map", "embed_s", "train_s")
        }
        for size in asked.sizes
    }
    print(json.dumps(means))
    if not asked.rest:
        keep("detection", {"backbone": BACKBONE, "set": "raccoon", "means": means, "draws": rows})


def _draw(client: Any, photos: Photos, test: Photos, seed: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder, open_store(f"file://{folder}", {}) as store:
        began = time.monotonic()
        lesson = see_photos(store, client, photos, seed)
        embedded = time.monotonic()
        trained = train_on(lesson, seed)
        done = time.monotonic()
        asked = see_photos(store, client, test, seed, plan_of=lesson)
        whole = trained.detector.networks
        scores = [
            score_photos(asked, replace(trained.detector, networks=networks))
            for networks in (whole, *((one,) for one in whole))
        ]
    return {
        "map50": scores[0][0],
        "map": scores[0][1],
        "single_map50": round(float(np.mean([one for one, _ in scores[1:]])), 4),
        "held_out_map50": _held_out(trained),
        "stages": {str(k): round(v, 3) for k, v in trained.stages.items()},
        "embed_s": round(embedded - began, 1),
        "train_s": round(done - embedded, 1),
        "views": len(lesson.train.shown),
        "side": lesson.plan.geometry.side,
        "cell": lesson.plan.geometry.cell,
    }


def train_on(lesson: Lesson, seed: int) -> Trained:
    """A detector of a lesson, as a job trains it."""
    recipe = Recipe()

    def fit(maps: Any, targets: Any, rows: Any, number: int) -> Any:
        return fit_network(maps, targets, rows, recipe, seed=number).networks

    return train(lesson, fit, recipe.kept_at, seed)


def see_photos(
    store: Any,
    client: Any,
    photos: Photos,
    seed: int,
    plan_of: Lesson | None = None,
) -> Lesson:
    """The pictures as a detector is trained on them, or with the plan of another lesson as it is
    asked about them."""
    sizes = [(info.width, info.height) for info in map(inspect, photos.files)]
    number = range(len(photos.files))
    pictures = Pictures(
        [hashlib.sha256(data).digest() for data in photos.files],
        [str(n) for n in number],
        sizes,
        lambda some: [photos.files[n] for n in some],
    )
    if plan_of:
        plan, views = plan_of.plan, 0
    else:
        plans = make_plans(_entry(), sizes, photos.truths)
        plan, views = affordable(plans, sizes, len(photos.labels))
    lesson, _ = see(
        store,
        client,
        "bench",
        _entry(),
        pictures,
        photos.truths,
        photos.labels,
        np.arange(len(photos.files)),
        seed=seed,
        tell=lambda done, total: None,
        plan=plan,
        views=views,
    )
    return lesson


def score_photos(lesson: Lesson, detector: Detector) -> tuple[float, float]:
    """Mean average precision at IoU 0.5, and over 0.50 to 0.95."""
    found = answer_pictures(lesson, detector, np.arange(len(lesson.truths)))
    scenes = [scene_of(lesson.truths[n], one) for n, one in found.items()]
    return _map(scenes, len(lesson.labels))


def _held_out(trained: Trained) -> float:
    if not trained.scenes:
        return 0.0
    return _map(list(trained.scenes), len(trained.detector.labels))[0]


def _map(scenes: list[Scene], labels: int) -> tuple[float, float]:
    score = average_precision(scenes, labels)
    return round(score.map(overlap=0.5), 4), round(score.map(), 4)


def _entry() -> backbone_pb2.Backbone:
    metadata = json.loads((SHARED / "backbones" / BACKBONE / "metadata.json").read_text())
    shapes = {
        name: tuple(shape) for name, shape in metadata["endpoints"].items() if len(shape) == 3
    }
    return backbone_pb2.Backbone(
        name=f"backbones/{BACKBONE}",
        digest="0" * 64,
        modality=backbone_pb2.MODALITY_IMAGE,
        input_size=metadata["input_size"][:2],
        endpoints=record.endpoints_of({"default": (metadata["dim"],), **shapes}),
    )


def read_photos(part: str) -> Photos:
    """The pictures `train` or `test`."""
    told = json.loads((SET / f"{part}.json").read_text())
    labels = tuple(one["name"] for one in told["categories"])
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for one in told["annotations"]:
        boxes.setdefault(one["image_id"], []).append(tuple(one["bbox"]))
    files = [(SET / "images" / one["file_name"]).read_bytes() for one in told["images"]]
    truths = [
        Truth.of(found := boxes.get(one["id"], []), [0] * len(found)) for one in told["images"]
    ]
    return Photos(files, truths, labels)


if __name__ == "__main__":
    main()
