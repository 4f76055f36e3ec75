"""The student's shape: small, and open to every size that it must take."""

from __future__ import annotations

import numpy as np
import pytest

from services.embedder.distill.student import PER_CONVOLUTION, Shape, put, student, weights_of
from tests.support.savedmodel import THREADS

WIDE = {"stride4": 48, "stride8": 96, "stride16": 192, "stride32": 384}


def test_it_has_one_to_two_million_parameters() -> None:
    assert 1_000_000 < student(Shape(), seed=0).count_params() < 2_000_000
    assert THREADS


@pytest.mark.parametrize("side", [64, 100, 256])
def test_its_maps_have_the_strides_that_their_names_tell(side: int) -> None:
    maps = student(Shape(), seed=0)(np.zeros((1, side, side, 3), np.float32))
    for name, wide in WIDE.items():
        stride = int(name.removeprefix("stride"))
        places = -(-side // stride)
        assert maps[name].shape == (1, places, places, wide)


def test_a_seed_decides_the_weights() -> None:
    one, again, other = (student(Shape(), seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])


def test_weights_are_taken_out_and_put_in_again() -> None:
    one, other = (student(Shape(), seed=seed) for seed in (1, 2))
    given = weights_of(one)
    assert len(given) % PER_CONVOLUTION == 0
    put(other, given)
    images = np.random.default_rng(0).random((1, 64, 64, 3), dtype=np.float32)
    found, wanted = (np.asarray(model(images)["stride32"]) for model in (other, one))
    assert np.array_equal(found, wanted)


def test_weights_of_another_shape_are_refused() -> None:
    wide = weights_of(student(Shape((8, 8, 16, 16, 24)), seed=0))
    short = weights_of(student(Shape(), seed=0))[:-1]
    for given in (wide, short):
        with pytest.raises(ValueError, match="shape"):
            put(student(Shape(), seed=0), given)
