"""Pretrains the bundled backbone of images: `python -m tools.pretrain WORK [--minutes N]`.

Everything that is made on the way lies in the folder WORK; the same command goes on where it was
broken off. `python -m tools.pretrain.export` makes a backbone of what has been learnt.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

SHARED: Final = Path(__file__).resolve().parents[3] / "shared"
TEACHER: Final = "mobilenet_v2_100_224_tf2ptq"
_TELL_EVERY_S: Final = 20.0


def main() -> int:
    """Teach; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.pretrain", description=__doc__)
    parser.add_argument("work", type=Path, help="the folder of what is made on the way")
    parser.add_argument("--minutes", type=float, default=75.0, help="when to be done")
    parser.add_argument("--start", type=Path, help="a student that was trained before, to go on")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args()
    if not (SHARED / "pretrain").is_dir():
        print("tools.pretrain needs shared/pretrain beside the checkout", file=sys.stderr)
        return 1
    _teach(wanted, time.monotonic() + 60.0 * wanted.minutes)
    return 0


def _teach(wanted: argparse.Namespace, until: float) -> None:
    # Imported here: TensorFlow takes seconds to load.
    from services.embedder.distill import pictures
    from services.embedder.distill.course import Plan
    from services.embedder.distill.run import TEACHER_SIDE, teach
    from services.embedder.distill.teacher import open_teacher
    from tools.pretrain import shards

    found = pictures.prepare(
        wanted.work / "pictures", shards.sources(SHARED / "pretrain"), shards.COUNT, shards.SIDE
    )
    side = (TEACHER_SIDE, TEACHER_SIDE)
    teacher = partial(
        open_teacher, SHARED / "backbones" / TEACHER, side, (0.0, 1.0), threads=wanted.threads
    )
    start = _start(wanted.start) if wanted.start else None
    teach(teacher, found, Plan(), wanted.work, start=start, until=until, say=_Teller())


def _start(folder: Path) -> list[Any]:
    """The weights of a student that was trained before: exported, or the prototype."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    found = loaded.weights if hasattr(loaded, "weights") else loaded.variables_
    return [each.numpy() for each in found]


class _Teller:
    """Tells the share that is done on standard error, every so often."""

    def __init__(self) -> None:
        self._told = float("-inf")

    def __call__(self, what: str, share: float) -> None:
        if time.monotonic() - self._told >= _TELL_EVERY_S:
            self._told = time.monotonic()
            clock = time.strftime("%H:%M:%S")
            print(f"{clock} {100 * share:5.1f}% {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
