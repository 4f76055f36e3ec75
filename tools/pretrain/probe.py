"""How well a backbone's vectors transfer: `python -m tools.pretrain.probe [--halves] FOLDER ...`.

A logistic regression (C = 100) on L2-normalised vectors of the last layer, and on the same joined
with the L2-normalised pooled map of stride 16, on the shared image sets except `cat_dog` (its
classes are among the pictures that the bundled backbone learnt from), at k = 10 and 25 examples a
class, five draws each (those of shared/baselines), judged on the test folders.

With `--halves` no test folder is read: draws come from one half of each train folder and are judged
on the other. Recipes are chosen by that, and the test folders are read once, at the end.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.embed_sets import FOLDER, files
from benchmarks.feature_files import FeatureFile, read_all
from benchmarks.record import keep

REFERENCE: Final = "mobilenet_v2_100_224"
BESIDE: Final = (REFERENCE, "mobilenet_v1_050_160", "mobilenet_v1_025_128")
KS: Final = (10, 25)
SEEDS: Final = 5
LEFT_OUT: Final = "cat_dog"
CUTS: Final = {"last": ("default",), "joined": ("default", "stride16")}
Table = dict[str, dict[str, dict[str, float]]]

_C: Final = 100.0
_MAX_ITERATIONS: Final = 2_000


@dataclass(frozen=True)
class Cell:
    """The accuracy of one backbone on one set, in percent, mean over the draws."""

    backbone: str
    name: str
    k: int
    cut: str
    accuracy: float


def cells(sets: Sequence[FeatureFile], cuts: Sequence[str] = tuple(CUTS)) -> Iterator[Cell]:
    """Every set that has k examples of most classes, under every cut."""
    for found in sets:
        for k in KS:
            if found.name != LEFT_OUT and found.has(k):
                seeds = range(SEEDS if k < np.bincount(found.train_y).max() else 1)
                for cut in cuts:
                    each = [accuracy(found, found.draw(seed, k), CUTS[cut]) for seed in seeds]
                    yield Cell(found.backbone, found.name, k, cut, 100 * float(np.mean(each)))


def accuracy(found: FeatureFile, rows: NDArray[np.int64], endpoints: Sequence[str]) -> float:
    """The share of the test pictures that a head of these train pictures gets right."""
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=_C, max_iter=_MAX_ITERATIONS)
    head.fit(_joined(found.train, endpoints)[rows], found.train_y[rows])
    return float(head.score(_joined(found.test, endpoints), found.test_y))


def halves(found: FeatureFile) -> FeatureFile:
    """The train folder as both: its pictures of even number to learn from, the others as test."""
    even = np.zeros(len(found.train_y), bool)
    for label in range(len(found.labels)):
        even[np.flatnonzero(found.train_y == label)[::2]] = True
    train = {name: rows[even] for name, rows in found.train.items()}
    test = {name: rows[~even] for name, rows in found.train.items()}
    y = found.train_y
    return replace(found, train=train, train_y=y[even], test=test, test_y=y[~even], views={})


def table(found: Sequence[Cell]) -> Table:
    """{backbone: {"last k=10": {set: accuracy, "mean": of the sets, "share": of REFERENCE's}}}."""
    rows: Table = {}
    for cell in found:
        row = rows.setdefault(cell.backbone, {}).setdefault(f"{cell.cut} k={cell.k}", {})
        row[cell.name] = round(cell.accuracy, 2)
    means = {
        (backbone, cut): float(np.mean(list(row.values())))
        for backbone, by_cut in rows.items()
        for cut, row in by_cut.items()
    }
    for (backbone, cut), mean in means.items():
        rows[backbone][cut]["mean"] = round(mean, 2)
        if (REFERENCE, cut) in means:
            rows[backbone][cut]["share"] = round(mean / means[REFERENCE, cut], 4)
    return rows


def _joined(
    vectors: dict[str, NDArray[np.float32]], endpoints: Sequence[str]
) -> NDArray[np.float32]:
    return np.concatenate([_unit(vectors[name].astype(np.float32)) for name in endpoints], axis=1)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    found: NDArray[np.float32] = rows / np.maximum(norms, 1e-12)
    return found


def _print(found: Table) -> None:
    for backbone, by_cut in found.items():
        for cut, row in by_cut.items():
            figures = "  ".join(f"{name} {value:g}" for name, value in row.items())
            print(f"{backbone:24} {cut:12} {figures}", file=sys.stderr)


def main() -> int:
    """Print the table; keep it where it is that of the test folders."""
    parser = argparse.ArgumentParser(prog="python -m tools.pretrain.probe", description=__doc__)
    parser.add_argument("backbones", nargs="*", default=BESIDE, help="names of backbones")
    parser.add_argument("--halves", action="store_true", help="read train folders alone")
    wanted = parser.parse_args()
    for backbone in wanted.backbones:
        if not any(True for _ in files(backbone)):
            print("the probe needs the shared data sets beside the checkout", file=sys.stderr)
            return 1
    sets = list(read_all(FOLDER, list(wanted.backbones)))
    found = table(list(cells([halves(each) for each in sets] if wanted.halves else sets)))
    _print(found)
    if not wanted.halves:
        keep("transfer", {"seeds": SEEDS, "backbones": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
