"""Does the 95% interval of the report hold the accuracy on pictures never seen?

    python -m benchmarks.coverage FOLDER [BACKBONE ...]

FOLDER holds embeddings as `benchmarks/feature_files.py` says. The draws of `benchmarks/quality.py`
with each backbone, counted together; a set whose test folder differs from its training folder
shows as one that is missed more often than the others.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import record
from benchmarks.feature_files import read_all
from benchmarks.quality import Draw, draws

KS: Final = (5, 10, 25)
SEEDS: Final = 5
AIM: Final = {"draws": 300, "coverage": (93.0, 98.0), "width_ratio": 1.3}


def main() -> None:
    """Measure, print and keep."""
    folder, *backbones = sys.argv[1:]
    sets = list(read_all(Path(folder), backbones))
    made = {k: [draw for draw in draws(sets, k, SEEDS) if draw.covered is not None] for k in KS}
    every = [draw for some in made.values() for draw in some]
    names = sorted({draw.name for draw in every})
    figures: dict[str, object] = {
        "backbones": sorted({found.backbone for found in sets}),
        "aim": AIM,
        "all": _figures(every),
        "by_k": {k: _figures(some) for k, some in made.items()},
        "by_set": {name: _figures([d for d in every if d.name == name]) for name in names},
    }
    record.keep("coverage", figures)


def _figures(some: Sequence[Draw]) -> dict[str, float]:
    """In % of draws, and points of accuracy."""
    ratio = np.mean([d.width for d in some]) / np.mean([d.binomial_width for d in some])
    return {
        "draws": len(some),
        "coverage": round(100 * float(np.mean([bool(d.covered) for d in some])), 1),
        "width_ratio": round(float(ratio), 3),
        "estimate_minus_truth": round(
            100 * float(np.mean([d.estimate - d.accuracy for d in some])), 2
        ),
    }


if __name__ == "__main__":
    main()
