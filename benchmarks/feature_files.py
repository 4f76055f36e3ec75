"""The shared image sets as embeddings in files, one for each backbone and set.

A folder holds `{backbone}__{set}.npz` with `classes`, `train_y`, `test_y` and, for each endpoint,
`train_orig_{endpoint}` and `test_orig_{endpoint}`. The draws are those of shared/baselines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.trainer.search.bank import Bank

ENDPOINTS = ("stride8", "stride16", "stride32", "default")
VIEWS = ("flip",)
SETS = ("clothing", "houses", "magnetic_tile", "cat_dog", "cifar10", "omniglot20")

Indices = NDArray[np.int64]
Vectors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class FeatureFile:
    """One set as one backbone sees it."""

    backbone: str
    name: str
    labels: tuple[str, ...]
    train: Vectors
    train_y: Indices
    test: Vectors
    test_y: Indices
    views: dict[str, Vectors]

    def draw(self, seed: int, k: int) -> Indices:
        """The train pictures of a draw of k (or all there are) a class."""
        rng = np.random.default_rng(seed)
        found = []
        for label in range(len(self.labels)):
            files = np.flatnonzero(self.train_y == label)
            found.append(files[rng.permutation(len(files))[:k]])
        return np.concatenate(found)

    def has(self, k: int) -> bool:
        """Whether most classes have k training pictures."""
        return bool(np.median(np.bincount(self.train_y)) >= k)

    def bank(self, rows: Indices, y: Indices | None = None, *, views: tuple[str, ...] = ()) -> Bank:
        """What a search takes, of these train pictures; under other labels where `y` is given."""
        classes = self.train_y[rows] if y is None else y
        seen = {view: _part(self.views[view], rows) for view in views if self.views.get(view)}
        return Bank(_part(self.train, rows), classes, self.labels, np.arange(len(rows)), seen)


def read_all(folder: Path, backbones: list[str]) -> Iterator[FeatureFile]:
    """Every set of these backbones, or of all there are; those that have no file are passed over.

    Raises FileNotFoundError where there is none at all.
    """
    named = backbones or sorted({path.stem.split("__")[0] for path in folder.glob("*__*.npz")})
    paths = [folder / f"{backbone}__{name}.npz" for backbone in named for name in SETS]
    there = [path for path in paths if path.exists()]
    if not there:
        raise FileNotFoundError(f"embeddings are named backbone__set.npz; none in {folder}")
    return map(read, there)


def read(path: Path, endpoints: tuple[str, ...] = ENDPOINTS) -> FeatureFile:
    """The set of one file, as far as its endpoints are named."""
    backbone, name = path.stem.split("__")
    with np.load(path) as found:
        return of_arrays(backbone, name, found, endpoints)


def of_arrays(
    backbone: str,
    name: str,
    found: Mapping[str, NDArray[Any]],
    endpoints: tuple[str, ...] = ENDPOINTS,
) -> FeatureFile:
    """One set, of the arrays that its file holds."""
    train, test = (_vectors(found, f"{part}_orig", endpoints) for part in ("train", "test"))
    views = {view: _vectors(found, f"train_{view}", endpoints) for view in VIEWS}
    labels = tuple(str(label) for label in found["classes"])
    train_y, test_y = (found[f"{part}_y"].astype(np.int64) for part in ("train", "test"))
    return FeatureFile(backbone, name, labels, train, train_y, test, test_y, views)


def _vectors(found: Mapping[str, NDArray[Any]], prefix: str, endpoints: tuple[str, ...]) -> Vectors:
    return {end: found[f"{prefix}_{end}"] for end in endpoints if f"{prefix}_{end}" in found}


def _part(vectors: Vectors, rows: Indices) -> Vectors:
    return {name: vector[rows] for name, vector in vectors.items()}
