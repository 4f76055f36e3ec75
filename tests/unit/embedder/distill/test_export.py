"""Exporting: the SavedModel says what the network said, and keeps the contract."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from services.embedder.distill import export
from services.embedder.distill.student import weights_of
from services.networks.cut import cut
from services.networks.module import Module, load_module
from tests.support.small_student import SMALL, small


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("export") / "small"
    export.save(weights_of(small()), SMALL, made, {"input_size": [96, 96, 3]})
    return made


@pytest.fixture(scope="module")
def module(folder: Path) -> Module:
    return load_module(folder)


@pytest.mark.parametrize("side", [64, 96, 200])
def test_it_says_what_the_network_said(module: Module, side: int) -> None:
    images = np.random.default_rng(side).random((2, side, side, 3), dtype=np.float32)
    wanted, found = small()(images, training=False), module.call(images)
    assert sorted(found) == ["default", "stride16", "stride32", "stride4", "stride8"]
    vector = np.asarray(wanted["stride32"]).mean(axis=(1, 2))
    assert np.allclose(found["default"], vector, rtol=1e-3, atol=1e-4 * np.abs(vector).max())
    for name in set(found) - {"default"}:
        largest = float(np.abs(wanted[name]).max())
        assert np.allclose(found[name], wanted[name], rtol=1e-3, atol=1e-4 * largest)


def test_it_takes_images_of_any_size(module: Module) -> None:
    assert module.input_shape == (None, None, 3)


def test_its_metadata_lie_beside_it(folder: Path) -> None:
    assert json.loads((folder / "metadata.json").read_text()) == {"input_size": [96, 96, 3]}


def test_its_weights_can_be_read_again(folder: Path) -> None:
    both = zip(export.read(folder), weights_of(small()), strict=True)
    assert all(np.array_equal(one, other) for one, other in both)


def test_its_tail_can_be_trained(module: Module) -> None:
    spec = tf.TensorSpec([None, 64, 64, 3], tf.float32)
    tail = cut(module.call, spec, ["stride16"])
    assert sum(tail.trainable) > 0
    maps = module.call(np.random.default_rng(0).random((2, 64, 64, 3), dtype=np.float32))
    found = tail.call([maps["stride16"]], tail.weights)
    assert np.allclose(found["default"], maps["default"], atol=1e-5)
