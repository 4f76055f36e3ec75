"""How fast backbones are on this CPU: `python -m tools.pretrain.pace FOLDER ...`.

Each is run by the embedder's own engine at the input size that its metadata tell, in turns of half
a second, so that what else the machine does hits all of them alike. Told are pictures a second,
the best turn of each and the mean of all, as multiples of the first folder's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from services.common.cpu import available_threads
from services.embedder.engines.base import DEFAULT, Engine, EngineOptions
from services.embedder.engines.choose import load_engine
from services.embedder.engines.runtime import configure

TURNS: Final = 12
TURN_S: Final = 0.5


def main() -> int:
    """Print a line for each folder."""
    options = EngineOptions(threads=available_threads())
    configure(options)
    folders = [Path(each) for each in sys.argv[1:]]
    engines = [_engine(folder, options) for folder in folders]
    paces = np.array([[_pace(engine) for engine in engines] for _ in range(TURNS)])
    best, mean = paces.max(axis=0), paces.mean(axis=0)
    for folder, *figures in zip(folders, best, best / best[0], mean, mean / mean[0], strict=True):
        print("{}: best {:.0f} ({:.1f}), mean {:.0f} ({:.1f})".format(folder.name, *figures))
    return 0


def _engine(folder: Path, options: EngineOptions) -> Engine:
    height, width, _ = json.loads((folder / "metadata.json").read_text())["input_size"]
    return load_engine(folder, height=height, width=width, options=options, name=folder.name)


def _pace(engine: Engine) -> float:
    rows = max(engine.sizes.sizes)
    batch = np.random.default_rng(0).random((rows, *engine.input_shape), dtype=np.float32)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < TURN_S:
        engine.run(batch, (DEFAULT,))
        count += rows
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
