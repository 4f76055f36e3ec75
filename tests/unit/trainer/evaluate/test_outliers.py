"""Strangers are found, in whatever class they hide; the merely mislabelled are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from services.common.heads.base import Floats
from services.trainer.evaluate import outliers as module
from services.trainer.evaluate.outliers import MAX_OUTLIERS, isolation, outliers

LABELS = tuple(f"digit {i}" for i in range(10))


def _digits(k: int) -> tuple[Floats, NDArray[np.int64]]:
    x, y = load_digits(return_X_y=True)
    kept = np.concatenate([np.flatnonzero(y == c)[:k] for c in range(10)])
    return x[kept].astype(np.float32), y[kept].astype(np.int64)


def test_strangers_among_digits_come_first() -> None:
    x, y = _digits(25)
    strange = np.array([3, 80, 200])
    rng = np.random.default_rng(0)
    for i in strange:  # an image of noise
        x[i] = rng.integers(0, 17, 64)
    found = outliers(x, y, LABELS)
    assert {o.item for o in found[:3]} == set(strange.tolist())
    assert all(0.5 < o.score < 1 and o.label == y[o.item] for o in found)
    assert f"called {LABELS[found[0].label]} or not" in found[0].reason
    assert "times as far" in found[0].reason
    assert len(found) < 15


def test_a_mislabelled_example_is_no_outlier() -> None:
    x, y = _digits(25)
    before = {o.item for o in outliers(x, y, LABELS)}
    y[10] = 7
    assert 10 not in {o.item for o in outliers(x, y, LABELS)} - before


def test_copies_of_a_stranger_do_not_keep_it_company() -> None:
    x, y = _digits(25)
    rng = np.random.default_rng(0)
    x[[3, 80, 200, 201]] = rng.integers(0, 17, 64)
    groups = np.arange(250)
    groups[[3, 80, 200, 201]] = 0
    assert not {3, 80, 200, 201} & {o.item for o in outliers(x, y, LABELS)}
    assert {3, 80, 200, 201} <= {o.item for o in outliers(x, y, LABELS, groups)}


def test_isolation_is_the_distance_to_the_third_nearest() -> None:
    angles = np.deg2rad([0, 1, 2, 3, 90])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = isolation(x, np.array([0, 1, 0, 1, 0]), np.arange(5))
    expected = 1 - np.cos(np.deg2rad([3, 2, 2, 3, 89]))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    few = isolation(x[:2], np.array([0, 1]), np.arange(2))
    np.testing.assert_allclose(few, 1 - np.cos(angles[1]), atol=1e-6)


def test_of_many_examples_a_sample_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _digits(50)
    x[7] = -x[7]
    monkeypatch.setattr(module, "MAX_WORK", 0)
    monkeypatch.setattr(module, "MAX_OF_CLASS", 20)
    assert outliers(x, y, LABELS)[0].item == 7


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.ones((40, 4), np.float32), np.arange(40) % 2),
        (np.zeros((40, 4), np.float32), np.arange(40) % 2),
        (np.eye(20, dtype=np.float32), np.arange(20)),
        (np.eye(3, dtype=np.float32), np.arange(3)),
    ],
)
def test_where_all_are_alike_there_is_no_outlier(x: Floats, y: NDArray[np.int64]) -> None:
    assert outliers(x, y, [str(i) for i in range(20)]) == ()


def test_two_classes_of_1_and_5000_and_five_thousand_classes() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(5001, 16)) + 3).astype(np.float32)
    x[5000] = -3
    found = outliers(x, np.append(np.zeros(5000, np.int64), 1), ("many", "one"))
    assert found[0].item == 5000
    assert len(found) <= MAX_OUTLIERS
    many = outliers(x, np.arange(5001) % 5000, [str(i) for i in range(5000)])
    assert many[0].item == 5000
