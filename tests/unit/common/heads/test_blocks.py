"""Blocks against their formulas: what is done to one never shows in another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.errors import DataLoss
from services.common.heads.base import Floats
from services.common.heads.blocks import ABSENT, BLOCKS, Block, Blocks

JOINED = Blocks((Block(3, 2.0, root=True), Block(2, 0.0), Block(4, 0.25)))
LACKING = Blocks(JOINED.blocks, np.arange(9, dtype=np.float32))


def _random(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_raw_block_is_left_as_it_is() -> None:
    x = _random(5, 3)
    np.testing.assert_array_equal(Blocks.raw(3).features(x), x)


def test_a_unit_block_is_divided_by_its_length() -> None:
    x = np.array([[3, 4], [0, -2]], np.float32)
    np.testing.assert_allclose(Blocks.unit(2).features(x), [[0.6, 0.8], [0.0, -1.0]], rtol=1e-6)


def test_each_block_gets_the_length_that_it_was_given() -> None:
    assert JOINED.dim == 9
    x = _random(20, 9)
    z = JOINED.features(x)
    assert z.shape == x.shape
    assert z.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(z[:, :3], axis=1), 2, rtol=1e-6)
    np.testing.assert_array_equal(z[:, 3:5], x[:, 3:5])
    np.testing.assert_allclose(np.linalg.norm(z[:, 5:], axis=1), 0.25, rtol=1e-6)


def test_joined_blocks_are_what_each_is_alone_in_their_order() -> None:
    x = _random(20, 9)
    alone = [Blocks((block,)) for block in JOINED.blocks]
    parts = [x[:, :3], x[:, 3:5], x[:, 5:]]
    wanted = [one.features(part) for one, part in zip(alone, parts, strict=True)]
    np.testing.assert_array_equal(JOINED.features(x), np.concatenate(wanted, axis=1))


@given(st.floats(2**-10, 2**10, width=32))
def test_how_long_a_vector_was_never_drowns_the_others(scale: float) -> None:
    x = _random(4, 9)
    longer = x.copy()
    longer[:, :3] *= np.float32(scale)
    np.testing.assert_allclose(JOINED.features(longer), JOINED.features(x), rtol=1e-5)


def test_a_root_keeps_the_sign_and_comes_before_the_length() -> None:
    x = np.array([[9, -16, 0]], np.float32)
    raw = Blocks((Block(3, 0.0, root=True),)).features(x)
    np.testing.assert_allclose(raw, [[3, -4, 0]], rtol=1e-6)
    doubled = Blocks((Block(3, 2.0, root=True),)).features(x)
    np.testing.assert_allclose(doubled, [[1.2, -1.6, 0]], rtol=1e-6)


def test_products_of_rooted_unit_blocks_are_hellinger_affinities() -> None:
    p, q = np.abs(_random(1, 6)), np.abs(_random(1, 6, seed=1))
    blocks = Blocks((Block(6, root=True),))
    affinity = np.sqrt(p / p.sum() * q / q.sum()).sum()
    found = blocks.features(p) @ blocks.features(q).T
    np.testing.assert_allclose(found, [[affinity]], rtol=1e-6)


def test_a_block_of_zeros_stays_zero_and_leaves_the_others() -> None:
    x = _random(2, 9)
    x[0, 5:] = 0
    z = JOINED.features(x)
    np.testing.assert_array_equal(z[0, 5:], 0)
    np.testing.assert_array_equal(z[0, :5], JOINED.features(_random(2, 9))[0, :5])


def test_the_mean_of_the_examples_stands_in_for_a_block_that_is_missing() -> None:
    x = _random(6, 9)
    x[:2, 5:] = 0
    blocks = JOINED.with_absent(x)
    z, plain = blocks.features(x), JOINED.features(x)
    np.testing.assert_array_equal(z[2:], plain[2:])
    np.testing.assert_array_equal(z[:, :5], plain[:, :5])
    np.testing.assert_allclose(z[:2, 5:], [plain[2:, 5:].mean(axis=0)] * 2, rtol=1e-5)
    assert blocks.features(_random(0, 9)).shape == (0, 9)


def test_which_vectors_have_a_block_missing_is_told() -> None:
    x = _random(4, 9)
    x[1, 5:], x[3, :3] = 0, 0
    assert LACKING.lacking(x).tolist() == [False, True, False, True]
    assert not JOINED.lacking(x).any()


def test_what_no_example_has_is_zeros_when_it_is_missing() -> None:
    x = np.zeros((2, 9), np.float32)
    np.testing.assert_array_equal(JOINED.with_absent(x).features(x), 0)


def test_a_block_that_is_no_number_is_not_taken_for_a_missing_one() -> None:
    x = _random(1, 9)
    x[0, 5:] = np.nan
    assert np.isnan(LACKING.features(x)[0, 5:]).all()


def test_blocks_with_something_for_missing_ones_differ_from_those_without() -> None:
    assert LACKING != JOINED
    assert Blocks(JOINED.blocks, np.arange(9, dtype=np.float32)) == LACKING
    arrays = LACKING.to_arrays()
    del arrays[ABSENT]
    with pytest.raises(DataLoss, match=ABSENT):
        Blocks.from_arrays(arrays)


def test_a_block_too_long_for_a_float_becomes_nan_and_never_zeros() -> None:
    x = _random(2, 9)
    x[1, 5:] = 3e38
    with np.errstate(over="ignore"):
        z = JOINED.features(x)
    assert np.isnan(z[1, 5:]).all()
    assert np.isfinite(z[0]).all()


def test_no_rows_are_no_features() -> None:
    assert JOINED.features(_random(0, 9)).shape == (0, 9)


def test_the_input_is_not_modified() -> None:
    x = _random(5, 9)
    JOINED.features(x)
    np.testing.assert_array_equal(x, _random(5, 9))


@pytest.mark.parametrize("blocks", [Blocks.raw(3), Blocks.unit(1280), JOINED, LACKING])
def test_arrays_round_trip(blocks: Blocks) -> None:
    arrays = blocks.to_arrays()
    assert arrays[BLOCKS].dtype == np.float32
    assert Blocks.from_arrays(arrays) == blocks


@pytest.mark.parametrize(
    "rows", [np.zeros((0, 3)), [[0, 1, 0]], [[-4, 1, 0]], [[4, -1, 0]], [[4, 1, 0], [0, 1, 0]]]
)
def test_stored_rows_that_name_no_blocks_are_refused(rows: object) -> None:
    with pytest.raises(DataLoss, match=f"'{BLOCKS}'.*train again"):
        Blocks.from_arrays({BLOCKS: np.array(rows, np.float32)})
