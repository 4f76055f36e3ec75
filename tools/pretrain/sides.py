"""At which size a teacher sees most in small pictures: `python -m tools.pretrain.sides WORK`.

For each side, the accuracy of a ridge classifier on its L2-normalised vectors of 2,000 of the
pictures in WORK (made by `python -m tools.pretrain`), asked about the 1,000 after them, and how
many pictures it looks at in a second.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np

from tools.pretrain.__main__ import SHARED, TEACHER

SIDES: Final = (112, 128, 144, 160, 192, 224)
_LEARNT: Final = 2_000
_ASKED: Final = 1_000
_ALPHA: Final = 0.3


def main() -> int:
    """Print a line for each side."""
    from sklearn.linear_model import RidgeClassifier

    from services.embedder.distill import pictures
    from services.embedder.distill.teacher import open_teacher
    from services.embedder.preprocess import Preprocess

    found = pictures.prepared(Path(sys.argv[1]) / "pictures")
    labels = found.labels[: _LEARNT + _ASKED]
    for side in SIDES:
        teacher = open_teacher(
            SHARED / "backbones" / TEACHER, (side, side), (0.0, 1.0), threads=os.cpu_count() or 1
        )
        prepare = Preprocess(side, side, 0.0, 1.0)
        images = [prepare(np.asarray(each)) for each in found.pixels[: _LEARNT + _ASKED]]
        began = time.perf_counter()
        vectors = teacher.say(np.stack(images), ("default",))["default"]
        pace = len(images) / (time.perf_counter() - began)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        head = RidgeClassifier(alpha=_ALPHA).fit(vectors[:_LEARNT], labels[:_LEARNT])
        share = head.score(vectors[_LEARNT:], labels[_LEARNT:])
        print(f"side {side}: accuracy {100 * share:.1f}%, {pace:.0f} pictures/s", flush=True)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
