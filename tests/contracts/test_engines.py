"""What every engine keeps, the fake one included: see services/embedder/engines/base.py."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from graft.embedder.v1 import backbone_pb2
from services.embedder.engines.base import Engine, EngineOptions
from services.embedder.engines.openvino import OpenvinoEngine
from services.embedder.engines.tensorflow import TensorflowEngine
from services.embedder.engines.tuned import load_tail, load_trunk
from services.networks import saved_tail
from services.networks.cut import cut
from services.networks.module import Module, load_module
from tests.support.engines import SIDE, FakeEngine, item
from tests.support.savedmodel import save

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    module = load_module(save(tmp_path_factory.mktemp("engines") / "tiny"))
    return _all(module, maps=False)


@pytest.fixture(scope="module")
def engines_of_maps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    return _all(load_module(save(tmp_path_factory.mktemp("maps") / "tiny")), maps=True)


def _all(module: Module, *, maps: bool) -> dict[str, Engine]:
    return {
        "fake": FakeEngine(maps=maps),
        "tuned": _cut_in_two(module, maps),
        "tensorflow": TensorflowEngine(module, SIDE, SIDE, max_batch=8, maps=maps),
        "openvino": OpenvinoEngine(module, SIDE, SIDE, max_batch=8, threads=1, maps=maps),
    }


def _cut_in_two(module: Module, maps: bool) -> Engine:
    """The engine of a tail that was not trained, behind its trunk."""
    spec = tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)
    trunk, tail = (Path(tempfile.mkdtemp(prefix="graft-test-")) for _ in range(2))
    try:
        part = cut(module.call, spec, ["map"])
        saved_tail.save(part, part.weights, tail)
        backbone = backbone_pb2.Backbone(input_size=[SIDE, SIDE], cut=["map"])
        options = EngineOptions(max_batch=8)
        front = load_trunk(save(trunk), backbone, options=options)
        return load_tail(tail, backbone, front, options=options, maps=maps)
    finally:
        for folder in (trunk, tail):
            shutil.rmtree(folder)


@pytest.fixture(params=["fake", "tensorflow", "openvino", "tuned"])
def engine(request: pytest.FixtureRequest, engines: dict[str, Engine]) -> Engine:
    found = engines[request.param]
    found.warm()
    return found


def batch(rows: int) -> np.ndarray:
    return np.stack([item(seed) for seed in range(rows)])


def test_it_says_what_it_is(engine: Engine) -> None:
    assert engine.name in ("fake", "tensorflow", "openvino")
    assert engine.input_shape == (SIDE, SIDE, 3)
    assert dict(engine.dims) == {"default": 6, "map": 8}
    assert engine.sizes.sizes[0] == 1
    assert engine.sizes.largest == 8


def test_every_size_runs_and_answers_float32_rows(engine: Engine) -> None:
    for rows in engine.sizes.sizes:
        found = engine.run(batch(rows), ("default", "map"))
        assert {name: v.shape for name, v in found.items()} == {
            "default": (rows, 6),
            "map": (rows, 8),
        }
        assert all(vectors.dtype == np.float32 for vectors in found.values())


def test_only_the_endpoints_asked_for_are_answered(engine: Engine) -> None:
    assert list(engine.run(batch(1), ("map",))) == ["map"]


def test_a_row_does_not_depend_on_the_batch_around_it(engine: Engine) -> None:
    together = engine.run(batch(8), ("default", "map"))
    for row in range(8):
        alone = engine.run(item(row)[None], ("default", "map"))
        for name, vectors in alone.items():
            assert np.allclose(vectors[0], together[name][row], atol=TOLERANCE)


def test_padding_with_zeros_changes_nothing(engine: Engine) -> None:
    padded = np.zeros((8, SIDE, SIDE, 3), np.float32)
    padded[:3] = batch(3)
    found = engine.run(padded, ("default",))["default"][:3]
    wanted = np.concatenate([engine.run(item(n)[None], ("default",))["default"] for n in range(3)])
    assert np.allclose(found, wanted, atol=TOLERANCE)


def test_an_answer_is_not_overwritten_by_the_next_run(engine: Engine) -> None:
    first = engine.run(batch(1), ("default",))["default"]
    kept = first.copy()
    engine.run(np.ones((1, SIDE, SIDE, 3), np.float32), ("default",))
    assert np.array_equal(first, kept)


def test_the_same_batch_gives_the_same_bits(engine: Engine) -> None:
    runs: list[Callable[[], np.ndarray]] = [lambda: engine.run(batch(4), ("map",))["map"]] * 2
    assert np.array_equal(runs[0](), runs[1]())


def test_all_engines_agree(engines: dict[str, Engine]) -> None:
    wanted = engines["fake"].run(batch(8), ("default", "map"))
    for engine in engines.values():
        found = engine.run(batch(8), ("default", "map"))
        for name in wanted:
            assert np.allclose(found[name], wanted[name], atol=TOLERANCE), engine.name


@pytest.mark.parametrize("name", ["fake", "tensorflow", "openvino"])
def test_the_mean_of_a_map_over_its_positions_is_the_vector(
    name: str, engines: dict[str, Engine], engines_of_maps: dict[str, Engine]
) -> None:
    of_maps = engines_of_maps[name]
    of_maps.warm()
    assert dict(of_maps.dims) == {"map": 8}
    assert of_maps.input_shape == (SIDE, SIDE, 3)
    for rows in of_maps.sizes.sizes:
        found = of_maps.run(batch(rows), ("map",))
        assert list(found) == ["map"]
        assert found["map"].shape == (rows, 8, 8, 8)
        assert found["map"].dtype == np.float32
        wanted = engines[name].run(batch(rows), ("map",))["map"]
        assert np.allclose(found["map"].mean(axis=(1, 2)), wanted, atol=TOLERANCE)
        assert found["map"].std(axis=(1, 2)).max() > 0.05


def test_all_engines_of_maps_agree_place_by_place(engines_of_maps: dict[str, Engine]) -> None:
    wanted = engines_of_maps["fake"].run(batch(8), ("map",))["map"]
    for engine in engines_of_maps.values():
        found = engine.run(batch(8), ("map",))["map"]
        assert np.allclose(found, wanted, atol=TOLERANCE), engine.name


def test_maps_are_not_overwritten_by_the_next_run(engines_of_maps: dict[str, Engine]) -> None:
    for engine in engines_of_maps.values():
        first = engine.run(batch(1), ("map",))["map"]
        kept = first.copy()
        engine.run(np.ones((1, SIDE, SIDE, 3), np.float32), ("map",))
        assert np.array_equal(first, kept), engine.name


def test_a_cut_device_runs_every_number_of_rows_it_may_be_given(engines: dict[str, Engine]) -> None:
    for engine in engines.values():
        for ready in range(1, 20):
            items, rows = engine.sizes.take(ready)
            assert 1 <= items <= rows <= engine.sizes.largest


def test_a_model_can_be_saved_twice_the_same(tmp_path: Path) -> None:
    one, two = (load_module(save(tmp_path / name)) for name in ("one", "two"))
    shapes = [module.endpoint_shapes(SIDE, SIDE) for module in (one, two)]
    assert shapes[0] == shapes[1] == {"default": (6,), "map": (8, 8, 8)}
