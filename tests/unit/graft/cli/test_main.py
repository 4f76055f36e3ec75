"""The command line as a whole: the version, usage, no suite, the project."""

from __future__ import annotations

from pathlib import Path

import pytest

import graft
from tests.support.command import Done, Run


def test_the_version(run: Run) -> None:
    assert run("--version") == Done(0, f"graft {graft.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["train"],
        ["train", "somewhere"],
        ["train", "somewhere", "--model", "m", "--budget", "soon"],
        ["train", "somewhere", "--model", "m", "--budget", "0s"],
        ["train", "somewhere", "--model", "m", "--task", "poetry"],
        ["train", "somewhere", "--model", "m", "--seed", "-1"],
        ["predict", "pets"],
        ["models", "promote"],
        ["status", "--verbose"],
    ],
)
def test_wrong_usage_is_status_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["models", "list"], ["predict", "pets", __file__], ["backbones", "list"]],
)
def test_without_a_suite_the_error_names_graft_up(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (1, "")
    assert "graft up" in done.err


def test_nothing_listening_at_an_address_names_graft_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_TRAINER", "127.0.0.1:1")
    done = run("models", "list")
    assert done.code == 1
    assert "127.0.0.1:1; start the suite with `graft up`" in done.err


def test_a_project_of_ones_own(up: Run, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_PROJECT", "team")
    told = up("train", images, "--model", "hues", "--json").document
    assert told["model"] == "projects/team/models/hues"
