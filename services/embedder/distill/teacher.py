"""What the teacher says of each view, computed once: `default` and, where it has it, `stride16`.

A file a view and endpoint, float16 [N, dim], filled batch by batch; `done.json` beside them tells
how many rows of each view are in. A broken-off computation goes on where it stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.embedder.distill import augmentation
from services.embedder.distill.pictures import Pictures
from services.embedder.engines.base import DEFAULT, Engine, Vectors

_LOG = logging.getLogger(__name__)

MIDDLE: Final = "stride16"
_CHUNK: Final = 512
_ROWS: Final = 32
_DONE = "done.json"

Progress = Callable[[int, int], None]
"""Told how many of how many rows are done."""


@dataclass(frozen=True)
class Lessons:
    """What the teacher says: for each view, float16 [N, dim] of each endpoint."""

    views: tuple[dict[str, NDArray[np.float16]], ...]

    @property
    def dims(self) -> dict[str, int]:
        """The endpoints and their lengths."""
        return {name: rows.shape[1] for name, rows in self.views[0].items()}

    def spread(self) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Mean and standard deviation of every number of every endpoint, over the first view."""
        found = {}
        for name, rows in self.views[0].items():
            exact = rows[: 64 * _CHUNK].astype(np.float32)
            found[name] = exact.mean(axis=0), np.maximum(exact.std(axis=0), 1e-3)
        return found


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network that knows more; `low` and `high` are what it takes black and white as."""

    engine: Engine
    low: float = 0.0
    high: float = 1.0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what it looks at."""
        height, width, _ = self.engine.input_shape
        return height, width

    def say(self, images: NDArray[np.float32], names: tuple[str, ...]) -> Vectors:
        """Its vectors of images [N, H, W, 3] in [0, 1], at these endpoints."""
        sizes, found, at = self.engine.sizes.sizes, [], 0
        scaled = images * np.float32(self.high - self.low) + np.float32(self.low)
        while at < len(scaled):
            rows = max(size for size in sizes if size <= len(scaled) - at)
            found.append(self.engine.run(scaled[at : at + rows], names))
            at += rows
        return {name: np.concatenate([each[name] for each in found]) for name in names}


def open_teacher(
    folder: Path, size: tuple[int, int], value_range: tuple[float, float], *, threads: int
) -> Teacher:
    """The SavedModel in `folder` on the fastest engine there is; bfloat16 is exact enough."""
    # Imported here: TensorFlow takes seconds to load, and an installation may lack OpenVINO.
    from services.embedder.engines import runtime
    from services.embedder.engines.tensorflow import TensorflowEngine
    from services.networks.module import load_module

    module = load_module(folder)
    if not runtime.uses_gpu():
        try:
            from services.embedder.engines.openvino import OpenvinoEngine

            engine: Engine = OpenvinoEngine(
                module, *size, max_batch=_ROWS, threads=threads, exact=False
            )
            return Teacher(engine, *value_range)
        except (ImportError, RuntimeError) as error:
            _LOG.warning("OpenVINO cannot run it; TensorFlow does: %.500s", error)
    return Teacher(TensorflowEngine(module, *size, max_batch=_ROWS), *value_range)


def endpoints_of(engine: Engine) -> tuple[str, ...]:
    """Those that are learnt: the last layer, and the middle one where the teacher names it."""
    return tuple(name for name in (DEFAULT, MIDDLE) if name in engine.dims)


def listen(
    folder: Path,
    teacher: Teacher,
    pictures: Pictures,
    *,
    views: int,
    seed: int,
    enough: Callable[[], bool],
    progress: Progress,
) -> Lessons:
    """What the teacher says of at most `views` views of every picture: no further one is begun
    once that is `enough`. What is in `folder` is not asked again."""
    folder.mkdir(parents=True, exist_ok=True)
    names, count = endpoints_of(teacher.engine), len(pictures)
    dims = {name: teacher.engine.dims[name] for name in names}
    done = _done(folder)
    for number in range(views):
        if number and done.get(number - 1) == count and enough():
            break
        files = _files(folder, number, dims, count)
        drawn = augmentation.draw(count, number, seed=seed)
        for start in range(done.get(number, 0), count, _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, count))
            images = drawn.render(pictures, rows, teacher.size)
            for name, vectors in teacher.say(images, names).items():
                files[name][rows] = vectors
            done[number] = int(rows[-1]) + 1
            (folder / _DONE).write_text(json.dumps(done))
            progress(sum(done.values()), views * count)
    return heard(folder, count)


def heard(folder: Path, count: int) -> Lessons:
    """What `folder` holds of `count` pictures: the views that are whole."""
    whole = sorted(number for number, rows in _done(folder).items() if rows == count)
    return Lessons(tuple(_files(folder, number, {}, count) for number in whole))


def _files(
    folder: Path, number: int, dims: dict[str, int], count: int
) -> dict[str, NDArray[np.float16]]:
    """The mapped files of a view: made where they are wanted (`dims`) and not there yet."""
    found: dict[str, NDArray[np.float16]] = {}
    for name, dim in dims.items():
        path = folder / f"{number}-{name}.npy"
        if not path.exists():
            np.lib.format.open_memmap(path, "w+", np.float16, (count, dim)).flush()
    for path in sorted(folder.glob(f"{number}-*.npy")):
        found[path.stem.partition("-")[2]] = np.lib.format.open_memmap(path, "r+")
    return found


def _done(folder: Path) -> dict[int, int]:
    path = folder / _DONE
    return {int(k): n for k, n in json.loads(path.read_text()).items()} if path.exists() else {}
