"""The linear head against its formula."""

from __future__ import annotations

import numpy as np

from services.common.heads.base import Calibration
from services.common.heads.blocks import Block, Blocks
from services.common.heads.linear import LinearHead

WEIGHT = np.array([[1, 0, 2], [0, 1, 2]], np.float32)
BIAS = np.array([0, 0.5, -1], np.float32)
X = np.array([[3, 4], [-2, 0]], np.float32)


def _head(blocks: Blocks) -> LinearHead:
    return LinearHead(("a", "b", "c"), WEIGHT, BIAS, blocks=blocks)


def test_logits_are_products_and_a_bias() -> None:
    np.testing.assert_allclose(_head(Blocks.raw(2)).logits(X), [[3, 4.5, 13], [-2, 0.5, -5]])


def test_the_products_are_of_the_features() -> None:
    unit = _head(Blocks.unit(2)).logits(X)
    np.testing.assert_allclose(unit, [[0.6, 1.3, 1.8], [-1, 0.5, -3]], rtol=1e-6)
    apart = _head(Blocks((Block(1, 0.0), Block(1, 3.0)))).logits(X)
    np.testing.assert_allclose(apart, [[3, 3.5, 11], [-2, 0.5, -5]], rtol=1e-6)


def test_a_temperature_divides_the_logits() -> None:
    head = _head(Blocks.raw(2))
    cool = head.calibrated(Calibration(4.0))
    np.testing.assert_allclose(cool.logits(X), head.logits(X) / 4)
    odds = np.exp(head.logits(X).astype(np.float64) / 4)
    np.testing.assert_allclose(cool.proba(X), odds / odds.sum(axis=1, keepdims=True), rtol=1e-6)
    assert head.calibration == Calibration(1.0)  # the head itself never changes
    assert cool.weight is head.weight
