"""What every engine keeps, the fake one included: see services/embedder/engines/base.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from services.embedder.engines.base import Engine
from services.embedder.engines.module import load_module
from services.embedder.engines.openvino import OpenvinoEngine
from services.embedder.engines.tensorflow import TensorflowEngine
from tests.support.engines import SIDE, FakeEngine, item
from tests.support.savedmodel import save

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    module = load_module(save(tmp_path_factory.mktemp("engines") / "tiny"))
    return {
        "fake": FakeEngine(),
        "tensorflow": TensorflowEngine(module, SIDE, SIDE, max_batch=8),
        "openvino": OpenvinoEngine(module, SIDE, SIDE, max_batch=8, threads=1),
    }


@pytest.fixture(params=["fake", "tensorflow", "openvino"])
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


def test_a_cut_device_runs_every_number_of_rows_it_may_be_given(engines: dict[str, Engine]) -> None:
    for engine in engines.values():
        for ready in range(1, 20):
            items, rows = engine.sizes.take(ready)
            assert 1 <= items <= rows <= engine.sizes.largest


def test_a_model_can_be_saved_twice_the_same(tmp_path: Path) -> None:
    one, two = (load_module(save(tmp_path / name)) for name in ("one", "two"))
    shapes = [module.endpoint_shapes(SIDE, SIDE) for module in (one, two)]
    assert shapes[0] == shapes[1] == {"default": (6,), "map": (8, 8, 8)}
