"""The network of a detector in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import DataLoss
from services.common.detector.network import Network
from tests.support import blobs


def by_hand(network: Network, cells: np.ndarray) -> np.ndarray:
    """The formulas of the module, cell by cell."""
    (lateral,), ((weights, offset),) = network.laterals, network.convolutions
    start = cells @ lateral + cells.mean(axis=(0, 1)) @ network.context + network.bias
    x = np.maximum(start, 0)
    side = len(x)
    moved = x.copy()
    for row in range(side):
        for column in range(side):
            total = offset.astype(np.float64)
            for down in (-1, 0, 1):
                for across in (-1, 0, 1):
                    if 0 <= row + down < side and 0 <= column + across < side:
                        total = (
                            total + x[row + down, column + across] @ weights[1 + down, 1 + across]
                        )
            moved[row, column] += np.maximum(total, 0)
    return np.asarray(moved @ network.out + network.out_bias)


def test_it_computes_its_formulas() -> None:
    network = blobs.network()
    cells = np.random.default_rng(0).normal(size=(3, 5, 5, blobs.CHANNELS)).astype(np.float32)
    found = network([cells])
    for number in range(3):
        np.testing.assert_allclose(found[number], by_hand(network, cells[number]), atol=1e-4)


def test_arrays_bring_it_back() -> None:
    network = blobs.network()
    again = Network.from_arrays(network.to_arrays("0/"), "0/", [blobs.CHANNELS], 2)
    cells = np.ones((1, 4, 4, blobs.CHANNELS), np.float32)
    np.testing.assert_array_equal(again([cells]), network([cells]))


@pytest.mark.parametrize("name", ["lateral0", "context", "bias", "out", "conv0_bias"])
def test_arrays_that_do_not_fit_are_refused(name: str) -> None:
    arrays = blobs.network().to_arrays("0/")
    arrays[f"0/{name}"] = arrays[f"0/{name}"][..., :-1]
    with pytest.raises(DataLoss):
        Network.from_arrays(arrays, "0/", [blobs.CHANNELS], 2)
