"""How well is the unknown told from the known, and is the stated share of the known kept?

    python -m benchmarks.unknown FOLDER [BACKBONE ...]

FOLDER holds embeddings as `benchmarks/feature_files.py` says. For every set, k and draw two fifths
of the classes are hidden, each about equally often. The search delivers a model of the others,
which then sees test pictures of known and hidden classes, and pictures of all other sets (`far`).
Areas under the ROC curve of familiarity stand beside those of the largest probability.

Once more with no class hidden, the share of the known pictures that is kept is measured twice: on
the test folder, and on those training pictures that were not drawn (`undrawn`), each class weighed
as in the draw, since some test folders are not from the population of the training folder.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import record
from benchmarks.feature_files import FeatureFile, Indices, Vectors, read_all
from services.common.heads.base import Floats
from services.common.heads.familiarity import Familiarity
from services.common.heads.head import Head
from services.common.heads.link import SOFTMAX
from services.trainer.search.bank import Bank
from services.trainer.search.run import search
from services.trainer.search.unknown import KEPT_SHARE, fit_unknown
from services.trainer.search.unknown_check import area

KS = (5, 10, 25)
DRAWS = 5
STRANGERS = 60  # pictures of each other set
TOLERANCE = 0.02

Row = dict[str, float]
Others = Callable[[Vectors, Indices, Vectors], dict[str, Floats]]
"""Scores of tested vectors, by name, from drawn vectors and their classes."""


def _none(drawn: Vectors, y: Indices, tested: Vectors) -> dict[str, Floats]:
    return {}


class Model:
    """What a search delivers for some training pictures, with its familiarity."""

    def __init__(self, found: FeatureFile, rows: Indices, known: Indices) -> None:
        y = np.searchsorted(known, found.train_y[rows])
        vectors = {name: vector[rows] for name, vector in found.train.items()}
        labels = tuple(found.labels[label] for label in known)
        result = search(Bank(vectors, y, labels, np.arange(len(rows))))
        assert result.held_out is not None
        held_out = result.held_out
        unknown = fit_unknown(result.examples, held_out.items, held_out.log_proba)
        self._endpoints = result.endpoints
        self.head: Head = result.head.calibrated(result.head.calibration, unknown.familiarity)
        self.familiarity: Familiarity = unknown.familiarity

    def joined(self, vectors: Vectors, rows: Indices) -> Floats:
        """The vectors that the head takes."""
        return np.concatenate([vectors[e][rows].astype("f4") for e in self._endpoints], axis=1)

    def unknown(self, x: Floats) -> np.ndarray:
        """What is flagged, bool `[n]`."""
        return self.head.answer(x).unknown

    def scores(self, x: Floats) -> dict[str, Floats]:
        """By familiarity, by the largest probability, and by its log odds (no ties at 1)."""
        odds = SOFTMAX.odds(self.head.logits(x))
        return {
            "familiarity": self.familiarity.score(self.head.blocks.features(x), odds),
            "max_probability": self.head.proba(x).max(axis=1),
            "log_odds": odds,
        }


def hidden(classes: int, draw: int) -> Indices:
    """Two fifths of the classes, in turn: one permutation after the other is cut into pieces."""
    count = max(1, min(round(0.4 * classes), classes - 2))
    places = np.arange(draw * count, (draw + 1) * count)
    found = [np.random.default_rng(p // classes).permutation(classes)[p % classes] for p in places]
    return np.unique(np.array(found))


def strange(
    found: FeatureFile, others: Sequence[FeatureFile], k: int, seed: int, *, also: Others = _none
) -> Row:
    """One draw with hidden classes: areas, and what is flagged. `also` scores by other means."""
    away = hidden(len(found.labels), seed)
    drawn = found.draw(seed, k)
    drawn = drawn[~np.isin(found.train_y[drawn], away)]
    model = Model(found, drawn, np.setdiff1d(np.arange(len(found.labels)), away))
    outside = np.isin(found.test_y, away)
    learned = found.train_y[drawn]

    def look(vectors: Vectors, rows: Indices) -> dict[str, Floats]:
        more = also(_part(found.train, drawn), learned, _part(vectors, rows))
        x = model.joined(vectors, rows)
        return {**model.scores(x), **more, "flagged": model.unknown(x).astype(np.float32)}

    inside = look(found.test, np.flatnonzero(~outside))
    strangers = {
        "hidden": [look(found.test, np.flatnonzero(outside))],
        "far": [look(other.test, _some(other)) for other in others],
    }
    row: Row = {}
    for name, seen in strangers.items():
        scores = {by: np.concatenate([each[by] for each in seen]) for by in inside}
        row[f"{name} flagged"] = float(scores.pop("flagged").mean())
        row |= {f"{name} {by}": area(inside[by], score) for by, score in scores.items()}
    return row


def _part(vectors: Vectors, rows: Indices) -> Vectors:
    return {name: vector[rows] for name, vector in vectors.items()}


def _some(other: FeatureFile) -> Indices:
    return np.random.default_rng(0).permutation(len(other.test_y))[:STRANGERS]


def kept_share(found: FeatureFile, k: int, seed: int) -> Row:
    """One draw of all classes: the share kept of test and of undrawn training pictures."""
    drawn = found.draw(seed, k)
    classes = len(found.labels)
    model = Model(found, drawn, np.arange(classes))
    everything = model.joined(found.test, np.arange(len(found.test_y)))
    row = {"test": float((~model.unknown(everything)).mean())}
    rest = np.setdiff1d(np.arange(len(found.train_y)), drawn)
    left = np.bincount(found.train_y[rest], minlength=classes)
    if left.all():
        kept = ~model.unknown(model.joined(found.train, rest))
        share = np.bincount(found.train_y[rest], kept, minlength=classes) / left
        weight = np.bincount(found.train_y[drawn], minlength=classes)
        row["undrawn"] = float(share @ weight / weight.sum())
    return row


def summary(rows: Sequence[Row], *, spread: bool = False) -> Row:
    """The mean of each figure, and with `spread` its deviation."""
    mean = {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}
    if not spread:
        return mean
    deviation = {
        f"{name} spread": round(float(np.std([row[name] for row in rows])), 4) for name in rows[0]
    }
    return mean | deviation


def _measure(sets: Sequence[FeatureFile]) -> dict[str, object]:
    """All sets of one backbone."""
    areas: dict[str, Row] = {}
    kept: dict[str, Row] = {}
    for found in sets:
        others = [other for other in sets if other is not found]
        for k in filter(found.has, KS):
            name, draws = f"{found.name} {k}", range(DRAWS)
            if len(found.labels) > 2:
                areas[name] = summary([strange(found, others, k, seed) for seed in draws])
            kept[name] = summary([kept_share(found, k, seed) for seed in draws], spread=True)
    return {
        "auroc": areas,
        "mean_auroc": _means(areas),
        "kept_share": kept,
        "mean_kept_share": _means(kept),
        "outside_tolerance": _outside(kept),
        "below_max_probability": _below(areas),
    }


def _means(found: dict[str, Row]) -> Row:
    values: dict[str, list[float]] = defaultdict(list)
    for row in found.values():
        for name, value in row.items():
            values[name].append(value)
    return {name: round(float(np.mean(each)), 4) for name, each in values.items()}


def _outside(kept: dict[str, Row]) -> dict[str, list[str]]:
    """Where the mean kept share is further from the stated one than it may be."""
    return {
        part: [
            n for n, row in kept.items() if abs(row.get(part, KEPT_SHARE) - KEPT_SHARE) > TOLERANCE
        ]
        for part in ("test", "undrawn")
    }


def _below(strange: dict[str, Row]) -> list[str]:
    """Where familiarity tells hidden classes less well than the largest probability."""
    best = {
        name: max(row["hidden max_probability"], row["hidden log_odds"])
        for name, row in strange.items()
    }
    return [name for name, row in strange.items() if row["hidden familiarity"] < best[name]]


def main() -> None:
    """Measure, print and keep."""
    folder, *backbones = sys.argv[1:]
    sets: dict[str, list[FeatureFile]] = defaultdict(list)
    for found in read_all(Path(folder), backbones):
        sets[found.backbone].append(found)
    figures = {backbone: _measure(each) for backbone, each in sets.items()}
    record.keep("unknown", {"draws": DRAWS, "kept_share_aim": KEPT_SHARE, "backbones": figures})


if __name__ == "__main__":
    main()
