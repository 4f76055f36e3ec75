"""Do scores keep their promise on pictures that the model has never seen?

    python -m benchmarks.calibration FOLDER [BACKBONE ...]

FOLDER holds embeddings as `benchmarks/feature_files.py` says. For draws of 25 examples a class the
search delivers a head; its expected calibration error (15 bins) is taken on the whole test set and
on the training pictures that were not drawn. That measure is never 0: `honest` is what a head with
the very same scores would show if each were exactly the chance of being right, by simulation.
`too_sure`: mean score minus share right.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks import record
from benchmarks.feature_files import FeatureFile, Indices, Vectors, read_all
from services.common.heads.base import Floats
from services.trainer.evaluate.metrics import calibration_error
from services.trainer.search.run import SearchResult, search

K = 25
DRAWS = 5
AIM = 0.05
SIMULATIONS = 20

Row = dict[str, float]


def main() -> None:
    """Measure, print and keep."""
    folder, *backbones = sys.argv[1:]
    rows: dict[str, dict[str, Row]] = defaultdict(dict)
    for found in read_all(Path(folder), backbones):
        if found.has(K):
            rows[found.backbone][found.name] = _mean([_draw(found, seed) for seed in range(DRAWS)])
    means = {backbone: _mean(list(sets.values())) for backbone, sets in rows.items()}
    figures = {"k": K, "draws": DRAWS, "aim": AIM, "mean": means, "sets": rows}
    record.keep("calibration", {**figures, "aim_reached": _reached(means)})


def _reached(means: dict[str, Row]) -> dict[str, bool]:
    return {backbone: row["test"] <= AIM for backbone, row in means.items()}


def _draw(found: FeatureFile, seed: int) -> Row:
    drawn = found.draw(seed, K)
    result = search(found.bank(drawn))
    rest = np.setdiff1d(np.arange(len(found.train_y)), drawn)
    undrawn = {name: vector[rest] for name, vector in found.train.items()}
    row: Row = {}
    for part, vectors, y in (
        ("test", found.test, found.test_y),
        ("undrawn", undrawn, found.train_y[rest]),
    ):
        row |= {f"{part}{name}": value for name, value in _errors(result, vectors, y).items()}
    return row


def _errors(result: SearchResult, vectors: Vectors, y: Indices) -> Row:
    x: Floats = np.concatenate([vectors[name].astype("f4") for name in result.endpoints], axis=1)
    answers = result.head.answer(x)
    right = answers.best == y
    rng = np.random.default_rng(0)
    honest = [
        calibration_error(answers.score, rng.random(len(y)) < answers.score)
        for _ in range(SIMULATIONS)
    ]
    return {
        "": calibration_error(answers.score, right),
        "_honest": float(np.mean(honest)),
        "_too_sure": float(answers.score.mean() - right.mean()),
        "_accuracy": float(right.mean()),
    }


def _mean(rows: list[Row]) -> Row:
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


if __name__ == "__main__":
    main()
