"""Embeds the shared image sets with the shared backbones, once, into the files that benchmarks of
quality read: `python -m benchmarks.embed_sets [BACKBONE ...]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.feature_files import SETS
from benchmarks.pictures import SHARED
from services.common.image import decode_picture
from services.embedder import views
from services.embedder.backbones import bundled
from services.embedder.engines.base import Engine, EngineOptions
from services.embedder.engines.choose import load_engine
from services.embedder.engines.runtime import configure
from services.embedder.preprocess import Preprocess

FOLDER: Final = Path(__file__).resolve().parents[1] / ".run" / "embeddings"
BUNDLED: Final = Path(bundled.__file__).resolve().parents[1] / "bundled"
DEFAULT: Final = ("mobilenet_v2_100_224",)
VIEWS: Final = {"train": ("", "flip"), "test": ("",)}
_AT_ONCE: Final = 16
_OPTIONS: Final = EngineOptions(threads=2, gpu_memory_mib=0)


def files(backbone: str) -> Iterator[Path]:
    """The file of each set, made where it is not there yet; nothing where shared/ is not.

    A backbone lies in shared/backbones or is one that comes with the suite.
    """
    shared = SHARED / "backbones" / backbone
    folder = shared if shared.is_dir() else BUNDLED / backbone
    wanted = [FOLDER / f"{backbone}__{name}.npz" for name in SETS]
    missing = [path for path in wanted if not path.exists()]
    if missing and folder.is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in missing:
            np.savez(path, allow_pickle=False, **embedded(folder, path.stem.split("__")[1]))
    return (path for path in wanted if path.exists())


def embedded(backbone: Path, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of one shared set as the backbone in a folder sees it."""
    engine, preprocess = _opened(backbone)
    return _set(engine, preprocess, SHARED / "data" / name)


@lru_cache(maxsize=1)
def _opened(backbone: Path) -> tuple[Engine, Preprocess]:
    height, width, _ = json.loads((backbone / "metadata.json").read_text())["input_size"]
    engine = load_engine(backbone, height=height, width=width, options=_OPTIONS, name=backbone.name)
    return engine, Preprocess(height, width, 0.0, 1.0)


def _set(engine: Engine, preprocess: Preprocess, folder: Path) -> dict[str, NDArray[Any]]:
    labels = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())
    found: dict[str, NDArray[Any]] = {"classes": np.array(labels)}
    for part, wanted in VIEWS.items():
        paths = [sorted((folder / part / label).iterdir()) for label in labels]
        found[f"{part}_y"] = np.repeat(np.arange(len(labels)), [len(each) for each in paths])
        every = [path for each in paths for path in each]
        for view in wanted:
            for name, vectors in _embed(engine, preprocess, every, view).items():
                found[f"{part}_{view or 'orig'}_{name}"] = vectors.astype(np.float16)
    return found


def _embed(
    engine: Engine, preprocess: Preprocess, paths: Sequence[Path], view: str
) -> dict[str, NDArray[np.float32]]:
    turn = views.find(view)

    def prepare(path: Path) -> NDArray[np.float32]:
        picture = decode_picture(path.read_bytes(), size_hint=preprocess.size_hint)
        return preprocess(turn(picture))

    names = tuple(engine.dims)
    found: list[dict[str, NDArray[np.float32]]] = []
    with ThreadPoolExecutor(2) as pool:
        at = 0
        while at < len(paths):
            left = min(_AT_ONCE, len(paths) - at)
            count = max(size for size in engine.sizes.sizes if size <= left)
            batch = np.stack(list(pool.map(prepare, paths[at : at + count])))
            found.append(engine.run(batch, names))
            at += count
    return {name: np.concatenate([each[name] for each in found]) for name in names}


def main() -> None:
    """Embed with the backbones named, or the default one."""
    configure(_OPTIONS)
    for backbone in sys.argv[1:] or DEFAULT:
        for path in files(backbone):
            print(path.stem, file=sys.stderr)


if __name__ == "__main__":
    main()
