"""Programs beside the services: what they print, what they tell meanwhile, and how they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.cli.program import run_program
from graft.errors import FailedPrecondition

TELLS = """
import os, sys
print("0.5 half", file=sys.stderr)
print("1.0 whole", file=sys.stderr)
print(os.environ["GRAFT_STORE"])
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module named `program` that can be run."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("GRAFT_STORE", "file:///nowhere")
    return tmp_path / "program.py"


def test_what_it_prints_is_answered_and_what_it_tells_is_heard(program: Path) -> None:
    program.write_text(TELLS)
    heard: list[str] = []
    assert run_program(["program"], "it", heard.append) == "file:///nowhere\n"
    assert heard == ["0.5 half", "1.0 whole"]


def test_the_store_of_an_embedder_elsewhere_is_not_guessed(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFT_STORE")
    monkeypatch.setenv("GRAFT_EMBEDDER", "embedder.example:50051")
    with pytest.raises(FailedPrecondition, match=r"set GRAFT_STORE .* 'embedder.example:50051'"):
        run_program(["program"], "it")


def test_its_own_error_is_raised_with_its_reason(program: Path) -> None:
    program.write_text("import sys; sys.exit('DATA_LOSS: the file is gone')")
    with pytest.raises(FailedPrecondition, match=r"^the file is gone$") as caught:
        run_program(["program"], "it")
    assert caught.value.reason == "DATA_LOSS"


def test_a_crash_is_told_by_its_last_line(program: Path) -> None:
    program.write_text("raise OSError('disk')")
    with pytest.raises(FailedPrecondition, match=r"it failed. Received: \['OSError: disk'\]"):
        run_program(["program"], "it")


def test_it_is_ended_when_who_listens_fails(program: Path) -> None:
    program.write_text("import sys, time; print('0.1 x', file=sys.stderr); time.sleep(600)")

    def heard(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_program(["program"], "it", heard)
