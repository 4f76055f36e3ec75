"""The probe: what it draws, what it leaves out and how its table is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.feature_files import FeatureFile
from tools.pretrain.probe import LEFT_OUT, REFERENCE, Cell, accuracy, cells, halves, table

CLASSES, EACH = 3, 24


def vectors(y: NDArray[np.int64], seed: int, told: int) -> NDArray[np.float32]:
    """Of so many dimensions as there are classes, and noise; the first `told` classes are told."""
    rng = np.random.default_rng(seed)
    found = rng.normal(0, 0.05, (len(y), CLASSES)).astype(np.float32)
    known = np.flatnonzero(y < told)
    found[known, y[known]] += 1.0
    return found


def made(name: str = "set", backbone: str = REFERENCE, told: int = CLASSES) -> FeatureFile:
    y = np.repeat(np.arange(CLASSES), EACH)
    train, test = (
        {"default": vectors(y, seed, told), "stride16": vectors(y, seed + 7, CLASSES)}
        for seed in (0, 1)
    )
    labels = tuple("abc")
    return FeatureFile(backbone, name, labels, train, y, test, y, {})


def test_a_head_tells_what_the_vectors_tell() -> None:
    found = made(told=1)
    rows = found.draw(0, 10)
    assert accuracy(found, rows, ("default",)) < 0.9
    assert accuracy(found, rows, ("default", "stride16")) == 1.0


def test_halves_share_no_picture_and_leave_the_test_folder_alone() -> None:
    found = made()
    numbered = {"default": np.arange(CLASSES * EACH, dtype=np.float32)[:, np.newaxis]}
    half = halves(replace(found, train=numbered, test={}))
    one, other = (set(part["default"].ravel().tolist()) for part in (half.train, half.test))
    assert not one & other
    assert len(one | other) == CLASSES * EACH
    assert np.array_equal(np.bincount(half.train_y), [EACH // 2] * CLASSES)


def test_sets_with_too_few_examples_and_the_one_that_was_learnt_from_are_left_out() -> None:
    found = list(cells([made(), made(LEFT_OUT)], cuts=("last",)))
    assert [(cell.name, cell.k) for cell in found] == [("set", 10)]


def test_the_table_tells_means_and_shares_of_the_reference() -> None:
    given = [
        Cell(REFERENCE, "one", 10, "last", 80.0),
        Cell(REFERENCE, "two", 10, "last", 60.0),
        Cell("other", "one", 10, "last", 40.0),
        Cell("other", "two", 10, "last", 30.0),
    ]
    found = table(given)
    assert found["other"]["last k=10"] == {"one": 40, "two": 30, "mean": 35, "share": 0.5}
    assert found[REFERENCE]["last k=10"]["share"] == 1.0


def test_a_table_without_the_reference_tells_no_shares() -> None:
    found = table([Cell("other", "one", 10, "last", 40.0)])
    assert found == {"other": {"last k=10": {"one": 40.0, "mean": 40.0}}}
