"""A tuned tail at rest: what is read back answers what was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from graft.errors import FailedPrecondition
from services.networks import saved_tail
from services.networks.cut import Tail, cut
from services.networks.module import load_module
from tests.support.engines import SIDE
from tests.support.savedmodel import save


@pytest.fixture(scope="module")
def tail(tmp_path_factory: pytest.TempPathFactory) -> Tail:
    module = load_module(save(tmp_path_factory.mktemp("trunk") / "tiny"))
    return cut(module.call, tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32), ["map"])


def test_a_saved_tail_answers_with_the_weights_it_was_given(tail: Tail, tmp_path: Path) -> None:
    changed = [2 * value for value in tail.weights]
    saved_tail.save(tail, changed, tmp_path / "tail")
    loaded = saved_tail.load(tmp_path / "tail")
    maps = np.random.default_rng(0).random((3, 8, 8, 8), dtype=np.float32)
    found, wanted = loaded.call(tf.constant(maps)), tail.call([maps], changed)
    assert set(found) == set(wanted) == {"map", "default"}
    for name in wanted:
        assert np.allclose(found[name], wanted[name], atol=1e-6)
    assert np.allclose(loaded.loaded(tf.constant(maps)), wanted["default"], atol=1e-6)


def test_it_is_a_network_of_feature_maps(tail: Tail, tmp_path: Path) -> None:
    saved_tail.save(tail, tail.weights, tmp_path / "tail")
    loaded = saved_tail.load(tmp_path / "tail")
    assert loaded.input_shape == (8, 8, 8)
    assert loaded.channels == 8
    assert saved_tail.shapes(tail) == {"map": (8, 8, 8), "default": (6,)}


def test_what_is_no_tail_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="a tuned tail must be a SavedModel"):
        saved_tail.load(save(tmp_path / "whole"))
    with pytest.raises(FailedPrecondition, match="cannot be loaded"):
        saved_tail.load(tmp_path)
