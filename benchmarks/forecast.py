"""Do forecasts of the accuracy with more examples come true?

    python -m benchmarks.forecast FOLDER [BACKBONE ...]

FOLDER holds embeddings, a file `{backbone}__{set}.npz` for each: `train_y`, `test_y` and, for the
endpoints in BLOCKS, `train_orig_{endpoint}` and `test_orig_{endpoint}`. From draws of 10 examples a
class (5 where a class has no 20) the accuracy with 2 and 4 times as many is forecast, then measured
on the whole test set, with a ridge classifier on joined endpoints. Coverage is that of the 80%
range; `today` is the forecast for the very examples of the draw: how well the level is known.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier

from benchmarks import record
from services.common.heads.base import Floats
from services.trainer.evaluate.forecast import RATIOS, Forecast, Range, forecast
from services.trainer.evaluate.learning_curve import Indices, measure_curve, plan_subsamples

BLOCKS = ("stride16", "stride32", "default")
SETS = ("clothing", "houses", "magnetic_tile", "cat_dog", "cifar10", "omniglot20")
GROWTH = (1, 2, 4)
DRAWS = 30


@dataclass(frozen=True)
class Data:
    """One set as one backbone sees it: rows of joined blocks of length 1, and classes."""

    x: Floats
    y: Indices
    test_x: Floats
    test_y: Indices


@dataclass(frozen=True)
class Outcome:
    """A forecast beside what came."""

    growth: int
    found: Range
    truth: float
    gain: Range | None = None
    gained: float = 0.0


def _load(path: Path) -> Data:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    x, test_x = (
        np.concatenate([_unit(arrays[f"{part}_orig_{block}"]) for block in BLOCKS], axis=1)
        for part in ("train", "test")
    )
    return Data(x, arrays["train_y"].astype(np.int64), test_x, arrays["test_y"].astype(np.int64))


def _unit(block: Floats) -> Floats:
    rows = block.astype(np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _scores(x: Floats, y: Indices, test: Floats) -> Floats:
    """One column a class, the highest for the answer."""
    found = RidgeClassifier(alpha=1.0).fit(x, y).decision_function(test)
    return found if found.ndim == 2 else np.stack([-found, found], axis=1)


def _draw(y: Indices, seed: int) -> NDArray[np.int64]:
    """The place of each example in the order in which its class is drawn, `[n]`."""
    rng = np.random.default_rng(seed)
    rank = np.empty(len(y), np.int64)
    for label in range(int(y.max()) + 1):
        at = np.flatnonzero(y == label)
        rank[at[rng.permutation(len(at))]] = np.arange(len(at))
    return rank


def _forecast(x: Floats, y: Indices, seed: int) -> Forecast:
    groups = np.arange(len(y))
    measured = measure_curve(
        lambda train, test: _scores(x[train], y[train], x[test]),
        y,
        groups,
        plan_subsamples(y, groups, seed=seed),
    )
    if measured is None:
        raise RuntimeError("nothing could be tested")
    return forecast(measured)


def _outcomes(data: Data, first: int, seed: int) -> Iterator[Outcome]:
    """Classes that have fewer examples than are asked for give all; few enough not to matter."""
    rank = _draw(data.y, seed)
    found = _forecast(data.x[rank < first], data.y[rank < first], seed)
    today = 0.0
    for growth in GROWTH:
        part = rank < first * growth
        if np.median(np.bincount(data.y)) < first * growth:
            return
        answers = _scores(data.x[part], data.y[part], data.test_x).argmax(axis=1)
        truth = float((answers == data.test_y).mean())
        today = truth if growth == 1 else today
        gain = found.gain_double if growth == 2 else None
        ranged = found.expected[RATIOS.index(float(growth))].accuracy
        yield Outcome(growth, ranged, truth, gain, truth - today)


def _figures(outcomes: list[Outcome]) -> dict[str, float]:
    off = [each.found.estimate - each.truth for each in outcomes]
    within = [each.found.low <= each.truth <= each.found.high for each in outcomes]
    width = [each.found.high - each.found.low for each in outcomes]
    figures = {
        "draws": len(outcomes),
        "coverage": round(float(np.mean(within)), 3),
        "mean_absolute_error": round(float(np.mean(np.abs(off))), 4),
        "bias": round(float(np.mean(off)), 4),
        "width": round(float(np.mean(width)), 3),
        "truth": round(float(np.mean([each.truth for each in outcomes])), 3),
    }
    gains = [(each.gain, each.gained) for each in outcomes if each.gain is not None]
    if gains:
        held = [gain.low <= gained <= gain.high for gain, gained in gains]
        missed = [abs(gain.estimate - gained) for gain, gained in gains]
        figures["gain_coverage"] = round(float(np.mean(held)), 3)
        figures["gain_mean_absolute_error"] = round(float(np.mean(missed)), 4)
    return figures


def _of_set(path: Path) -> dict[str, object]:
    data = _load(path)
    first = 10 if np.median(np.bincount(data.y)) >= 20 else 5
    began = time.perf_counter()
    outcomes = [each for seed in range(DRAWS) for each in _outcomes(data, first, seed)]
    entry: dict[str, object] = {"first": first, "seconds": round(time.perf_counter() - began, 1)}
    for growth in GROWTH:
        of_growth = [each for each in outcomes if each.growth == growth]
        if of_growth:
            name = "today" if growth == 1 else f"times {growth}"
            entry[name] = _figures(of_growth)
    return entry


def _means(entries: list[dict[str, object]]) -> dict[str, dict[str, float]]:
    """By growth, the mean over sets that began with 10 examples a class."""
    means = {}
    for name in ("today", *(f"times {growth}" for growth in GROWTH[1:])):
        rows = [row for e in entries if e["first"] == 10 and isinstance(row := e.get(name), dict)]
        if rows:
            means[name] = {key: round(float(np.mean([r[key] for r in rows])), 4) for key in rows[0]}
    return means


def main() -> None:
    """Measure, print and keep."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    backbones = names or sorted({path.name.partition("__")[0] for path in folder.glob("*__*.npz")})
    measured = {
        backbone: {
            name: _of_set(path)
            for name in SETS
            if (path := folder / f"{backbone}__{name}.npz").is_file()
        }
        for backbone in backbones
    }
    everything = [entry for sets in measured.values() for entry in sets.values()]
    record.keep(
        "forecast",
        {
            "mean": _means(everything),
            "by_backbone": {name: _means(list(sets.values())) for name, sets in measured.items()},
            "by_set": measured,
        },
    )


if __name__ == "__main__":
    main()
