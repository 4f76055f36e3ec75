"""Cutting: the tail alone says what the whole network says, and gradients reach its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from graft.errors import FailedPrecondition
from services.networks.cut import Tail, cut
from services.networks.module import Module, load_module
from tests.support.engines import SIDE
from tests.support.savedmodel import save

ROOT = Path(__file__).resolve().parents[3]
BUNDLED = ROOT / "services" / "embedder" / "bundled" / "graft_small_96"
SHARED = ROOT.parent / "shared" / "backbones"


def images(side: int, rows: int = 2) -> Any:
    return tf.constant(np.random.default_rng(0).random((rows, side, side, 3), dtype=np.float32))


def cut_at(module: Module, side: int, *at: str) -> Tail:
    return cut(module.call, tf.TensorSpec([None, side, side, 3], tf.float32), at)


def difference(module: Module, side: int, endpoint: str) -> float:
    """The largest difference between the whole network and the tail behind its own activations."""
    tail, pictures = cut_at(module, side, endpoint), images(side)
    whole = module.call(pictures)
    found = tail.call([whole[endpoint]], tail.weights)
    assert "default" in found
    return max(float(np.abs(found[name] - whole[name]).max()) for name in found)


@pytest.fixture(scope="module")
def bundled() -> Module:
    return load_module(BUNDLED)


@pytest.mark.parametrize("endpoint", ["stride8", "stride16", "stride32"])
def test_the_tail_answers_what_the_whole_network_answers(bundled: Module, endpoint: str) -> None:
    assert difference(bundled, 96, endpoint) < 1e-5


@pytest.mark.parametrize("form", ["return_endpoints", "signature"])
def test_every_form_of_the_contract_can_be_cut(tmp_path: Path, form: str) -> None:
    module = load_module(save(tmp_path / form, form=form))
    assert difference(module, SIDE, "map") < 1e-5


def test_only_what_lies_behind_the_cut_is_part_of_the_tail(bundled: Module) -> None:
    tail = cut_at(bundled, 96, "stride16")
    outputs = tail.call([np.zeros((1, 6, 6, 192), np.float32)], tail.weights)
    assert set(outputs) == {"stride16", "stride32", "default"}
    assert [spec.shape.as_list() for spec in tail.specs] == [[None, 6, 6, 192]]
    assert (
        0
        < sum(w.size for w in tail.weights)
        < sum(w.size for w in cut_at(bundled, 96, "stride8").weights)
    )


def test_gradients_are_those_of_finite_differences(tmp_path: Path) -> None:
    module = load_module(save(tmp_path / "tiny"))
    tail = cut_at(module, SIDE, "map")
    maps = tf.constant(np.random.default_rng(1).random((3, 8, 8, 8), dtype=np.float32))
    (weights,) = tail.weights

    def loss(values: Any) -> Any:
        return tf.reduce_sum(tail.call([maps], [values])["default"] ** 2)

    variable = tf.Variable(weights)
    with tf.GradientTape() as tape:
        value = loss(variable)
    gradient = tape.gradient(value, variable).numpy()
    step = 1e-2
    for place in [(0, 0), (3, 2), (7, 5)]:
        bump = np.zeros_like(weights)
        bump[place] = step
        slope = (loss(weights + bump) - loss(weights - bump)) / (2 * step)
        assert gradient[place] == pytest.approx(float(slope), rel=1e-2)


def test_gradients_reach_every_layer_of_a_real_network(bundled: Module) -> None:
    tail = cut_at(bundled, 96, "stride16")
    maps = bundled.call(images(96))["stride16"]
    variables = [tf.Variable(value) for value in tail.weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tail.call([maps], variables)["default"] ** 2)
    gradients = tape.gradient(loss, variables)
    kernels = [g for g, v in zip(gradients, variables, strict=True) if v.shape.rank == 4]
    assert kernels
    assert all(g is not None and float(tf.reduce_max(tf.abs(g))) > 0 for g in kernels)


def test_training_the_tail_leaves_the_network_as_it_is(bundled: Module) -> None:
    before = bundled.call(images(96))["default"].numpy()
    tail = cut_at(bundled, 96, "stride16")
    changed = [value + 1 for value in tail.weights]
    tail.call([np.ones((1, 6, 6, 192), np.float32)], changed)
    assert np.array_equal(bundled.call(images(96))["default"].numpy(), before)


def test_a_path_around_the_cut_is_an_error() -> None:
    def around(x: Any) -> dict[str, Any]:
        inner = tf.nn.relu(x)
        return {"inner": inner, "default": tf.reduce_mean(inner + x, axis=1)}

    with pytest.raises(FailedPrecondition, match="needs the input itself"):
        cut(around, tf.TensorSpec([None, 4], tf.float32), ["inner"])


def test_two_endpoints_can_be_cut_together() -> None:
    weight = tf.Variable(tf.ones([4, 2]))

    def masked(x: Any) -> dict[str, Any]:
        states, mask = tf.tanh(x), tf.cast(x > 0, tf.float32)
        return {"states": states, "mask": mask, "default": tf.matmul(states * mask, weight)}

    tail = cut(masked, tf.TensorSpec([None, 4], tf.float32), ["states", "mask"])
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    found = tail.call([np.tanh(x), (x > 0).astype(np.float32)], tail.weights)
    assert np.allclose(found["default"], masked(x)["default"], atol=1e-6)


def test_an_unknown_endpoint_is_an_error_that_names_those_there_are(bundled: Module) -> None:
    told = r"stride16, stride32, stride4, stride8.*got \['stride2'\]"
    with pytest.raises(FailedPrecondition, match=told):
        cut_at(bundled, 96, "stride2")


def test_a_table_behind_the_cut_is_an_error() -> None:
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant([1], tf.int64), tf.constant([2.0])), 0.0
    )

    def looked_up(x: Any) -> dict[str, Any]:
        inner = tf.round(x)
        return {"inner": inner, "default": table.lookup(tf.cast(inner, tf.int64))}

    with pytest.raises(FailedPrecondition, match="a table or another resource"):
        cut(looked_up, tf.TensorSpec([None, 4], tf.float32), ["inner"])


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "side", "endpoint"),
    [
        ("mobilenet_v2_100_224", 224, "stride16"),
        ("mobilenet_v2_100_224", 224, "stride32"),
        ("mobilenet_v2_100_224_tf2ptq", 224, "stride16"),
        ("mobilenet_v2_100_224_inat_bird", 224, "stride16"),
        ("mobilenet_v1_050_160", 160, "stride16"),
        ("mobilenet_v1_025_128", 128, "stride16"),
    ],
)
def test_real_backbones_can_be_cut(name: str, side: int, endpoint: str) -> None:
    if not (SHARED / name).is_dir():
        pytest.skip("the shared backbones are not beside the checkout")
    assert difference(load_module(SHARED / name), side, endpoint) < 1e-5
