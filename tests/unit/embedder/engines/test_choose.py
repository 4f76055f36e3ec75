"""Which engine serves, and that it says so when it is not the one hoped for."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.errors import FailedPrecondition
from services.embedder.engines import choose
from services.embedder.engines.base import Batch, Engine, EngineOptions, Vectors, powers_of_two
from services.embedder.engines.openvino import OpenvinoEngine
from tests.support.engines import SIDE, FakeEngine
from tests.support.savedmodel import save


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("choose") / "tiny")


def load(folder: Path, kind: str) -> Engine:
    options = EngineOptions(kind=kind, threads=1, max_batch=4)
    return choose.load_engine(folder, height=SIDE, width=SIDE, options=options, name="tiny")


@pytest.mark.parametrize(
    ("kind", "name"), [("auto", "openvino"), ("openvino", "openvino"), ("tensorflow", "tensorflow")]
)
def test_openvino_serves_on_a_cpu_unless_told_otherwise(folder: Path, kind: str, name: str) -> None:
    engine = load(folder, kind)
    assert engine.name == name
    assert engine.sizes.largest == 4


def test_an_engine_that_disagrees_is_not_taken_and_a_warning_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = OpenvinoEngine.run

    def off(self: OpenvinoEngine, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        return {name: vectors + 0.5 for name, vectors in run(self, batch, endpoints).items()}

    monkeypatch.setattr(OpenvinoEngine, "run", off)
    with caplog.at_level(logging.WARNING):
        assert load(folder, "openvino").name == "tensorflow"
    assert "agrees with TensorFlow only to a cosine of 0." in caplog.text


def test_an_engine_that_cannot_convert_is_not_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr("services.embedder.engines.openvino._convert", fail)
    assert load(folder, "auto").name == "tensorflow"
    assert "no such operation" in caplog.text


def test_without_openvino_tensorflow_serves_but_not_silently_when_it_was_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert load(folder, "auto").name == "tensorflow"
    with pytest.raises(FailedPrecondition, match="GRAFT_ENGINE=tensorflow"):
        load(folder, "openvino")


def test_agreement_is_one_with_itself_and_zero_with_what_is_not_a_number() -> None:
    class Broken(FakeEngine):
        def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
            return {name: v * np.nan for name, v in super().run(batch, endpoints).items()}

    assert choose.agreement(FakeEngine(), FakeEngine()) == pytest.approx(1.0)
    assert choose.agreement(FakeEngine(), Broken()) == 0.0


@pytest.mark.parametrize(
    ("largest", "sizes"), [(1, (1,)), (2, (1, 2)), (8, (1, 2, 4, 8)), (24, (1, 2, 4, 8, 16, 24))]
)
def test_sizes_are_powers_of_two_up_to_the_largest(largest: int, sizes: tuple[int, ...]) -> None:
    assert powers_of_two(largest) == sizes


def test_nothing_is_told_to_the_makers_of_openvino() -> None:
    code = (
        "import sys\n"
        "import services.embedder.engines.openvino\n"
        "print([name for name, module in sys.modules.items()"
        " if name.startswith('openvino_telemetry') and module is not None])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_network_of_one_input_size_is_not_run_at_another(tmp_path: Path) -> None:
    folder = save(tmp_path / "tiny", side=SIDE)
    options = EngineOptions(threads=1)
    with pytest.raises(FailedPrecondition, match="takes pictures of one size alone"):
        choose.load_engine(folder, height=64, width=SIDE, options=options, name="tiny")
    larger = choose.load_engine(
        save(tmp_path / "open", side=None), height=64, width=96, options=options, name="open"
    )
    assert larger.input_shape == (64, 96, 3)
