"""Maps of several strides on one grid."""

from __future__ import annotations

import numpy as np

from services.common.detector.grid import Fold


def test_a_finer_map_is_folded_and_nothing_of_it_is_lost() -> None:
    maps = np.arange(2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3)
    fold = Fold.of(8, 16)
    found = fold(maps)
    assert found.shape == (2, 2, 2, fold.channels(3)) == (2, 2, 2, 12)
    assert found[0, 0, 1].tolist() == maps[0, 0:2, 2:4].ravel().tolist()
    assert sorted(found.ravel()) == sorted(maps.ravel())


def test_a_coarser_map_is_repeated() -> None:
    maps = np.arange(4, dtype=np.float16).reshape(1, 2, 2, 1)
    found = Fold.of(32, 16)(maps)
    assert found[0, :, :, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert found.dtype == np.float16
    assert Fold.of(32, 16).channels(7) == 7


def test_a_map_of_the_same_stride_stays_as_it_is() -> None:
    maps = np.ones((1, 2, 2, 1), np.float32)
    assert Fold.of(16, 16)(maps) is maps
