"""A network of texts cut at a layer: the states there are all that the tail needs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from services.networks.cut import Tail, cut
from services.networks.text_module import TEXTS, TextModule, load_text_module
from tests.support.text_modules import save_encoder

ASKED = tf.constant(["abc fed", "", "cab cab cab dad bed fab", "zebra"])


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> TextModule:
    return load_text_module(save_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def tail(trunk: TextModule) -> Tail:
    return cut(trunk.call, TEXTS, ["layer1"])


def test_the_states_at_the_cut_are_all_that_the_tail_needs(trunk: TextModule, tail: Tail) -> None:
    assert [spec.shape.as_list() for spec in tail.specs] == [[None, None, 8]]
    whole = trunk.call(ASKED)
    found = tail.call([whole["layer1"]], tail.weights)
    assert sorted(found) == ["default", "layer1", "layer2"]
    for name, value in found.items():
        assert np.allclose(value, whole[name], atol=1e-6), name


def test_more_padding_changes_nothing(trunk: TextModule, tail: Tail) -> None:
    states = trunk.call(ASKED)["layer1"].numpy()
    padded = np.pad(states, ((0, 0), (0, 5), (0, 0)))
    one, other = (tail.call([each], tail.weights)["default"] for each in (states, padded))
    assert np.allclose(one, other, atol=1e-6)


def test_states_in_half_precision_say_as_well_where_a_text_ends(
    trunk: TextModule, tail: Tail
) -> None:
    states = trunk.call(ASKED)["layer1"].numpy()
    half = states.astype(np.float16).astype(np.float32)
    one, other = (tail.call([each], tail.weights)["default"] for each in (states, half))
    assert np.allclose(one, other, atol=0.02)


def test_only_the_layers_behind_the_cut_are_trained_and_all_of_them(
    trunk: TextModule, tail: Tail
) -> None:
    states = trunk.call(ASKED)["layer1"]
    weights = [tf.constant(weight) for weight in tail.weights]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = tf.reduce_sum(tail.call([states], weights)["default"][:, 0])
    gradients = tape.gradient(loss, weights)
    assert all(tail.trainable)
    assert len(weights) == 12, "two products, two more, two norms, and the bias or shift of each"
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
