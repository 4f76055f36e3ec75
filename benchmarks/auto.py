"""Does `--backbone auto` find a backbone as good as the best single one?

    python -m benchmarks.auto FOLDER [BACKBONE ...]

FOLDER holds embeddings as `benchmarks/feature_files.py` says. On each set, for draws of K examples
a class, the very comparison of a job picks a backbone, and the whole search is run with each; told
are the mean test accuracies (%) with the picked one and with the one that is best on that mean,
which nobody can know beforehand. Without views, which only some of the files hold.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import record
from benchmarks.feature_files import FeatureFile, read_all
from services.trainer import backbone_choice
from services.trainer.search.run import search

KS = (5, 25)
DRAWS = 3
AIM = 1.0
"""Points of accuracy that the picked one may lie below the best."""


def main() -> None:
    """Measure, print and keep."""
    folder, *backbones = sys.argv[1:]
    sets: dict[str, list[FeatureFile]] = defaultdict(list)
    for found in read_all(Path(folder), backbones):
        sets[found.name].append(found)
    rows = {
        f"{name}, k={k}": _row(found, k)
        for k in KS
        for name, found in sets.items()
        if found[0].has(k)
    }
    kept = {name: row.picked >= row.best - AIM for name, row in rows.items()}
    told = {name: asdict(row) for name, row in rows.items()}
    record.keep("auto", {"draws": DRAWS, "aim": AIM, "sets": told, "aim_reached": kept})


@dataclass(frozen=True)
class _Row:
    """% of the test pictures, and which backbones these are from."""

    picked: float
    best: float
    best_backbone: str
    picks: dict[str, int]


def _row(files: list[FeatureFile], k: int) -> _Row:
    accuracies = np.array([[_accuracy(one, seed, k) for one in files] for seed in range(DRAWS)])
    picks = [_pick(files, seed, k) for seed in range(DRAWS)]
    means = accuracies.mean(axis=0)
    return _Row(
        round(float(accuracies[np.arange(DRAWS), picks].mean()), 2),
        round(float(means.max()), 2),
        files[int(means.argmax())].backbone,
        dict(Counter(files[pick].backbone for pick in picks)),
    )


def _pick(files: list[FeatureFile], seed: int, k: int) -> int:
    scores, dims = {}, {}
    for one in files:
        drawn = one.draw(seed, k)
        some = drawn[backbone_choice.sample(one.train_y[drawn], seed)]
        dims[one.backbone] = max(each.shape[1] for each in one.train.values())
        scores[one.backbone] = backbone_choice.measure(one.bank(some), seed)
    return list(scores).index(backbone_choice.choose(scores, dims).name)


def _accuracy(one: FeatureFile, seed: int, k: int) -> float:
    """% of the test pictures answered right."""
    result = search(one.bank(one.draw(seed, k)))
    joined = [one.test[name].astype("f4") for name in result.endpoints]
    answers = result.head.answer(np.concatenate(joined, axis=1))
    return float(100 * np.mean(answers.best == one.test_y))


if __name__ == "__main__":
    main()
