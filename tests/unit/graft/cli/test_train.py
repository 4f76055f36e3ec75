"""`graft train`: the result on stdout, warnings and progress on stderr, refusals before uploads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graft.cli import train
from graft.client.datasets import Dataset, ImportIssue
from graft.examples import ExampleSet
from tests.support.command import Run
from tests.support.fake_suite import FakeSuite


def test_train_as_the_contract_has_it(up: Run, images: Path) -> None:
    done = up("train", images, "--model", "hues", "--seed", "3", "--budget", "2m", "--json")
    assert done.code == 0
    told = done.document
    assert told["model"] == "projects/default/models/hues"
    assert told["version"] == 1
    assert told["accuracy"] == {"estimate": 0.9, "low": 0.8, "high": 0.95}
    assert 0 < told["seconds"] < 30
    job = up("jobs", "show", told["job"], "--json").document
    assert (job["seed"], job["state"]) == (3, "SUCCEEDED")


def test_train_in_words(up: Run, images: Path) -> None:
    (images / "red" / "broken.png").write_bytes(b"no image")
    (images / "red" / "phone.heic").write_bytes(b"a photograph")
    (images / "red" / "notes.md").write_text("hello")
    (images / "blue").mkdir()
    done = up("train", images, "--model", "hues")
    assert "hues version 1: accuracy 90.0% (95% interval 80.0% to 95.0%)" in done.out
    assert "graft report hues --html report.html" in done.out
    assert "6 examples of 2 classes" in done.err
    assert "2 examples rejected" in done.err
    assert "red/broken.png: " in done.err
    assert "  red/phone.heic: .heic files are not read" in done.err
    assert "skipped 1 .md file: neither images nor texts" in done.err
    assert "'blue'" in done.err


def test_every_issue_names_its_file_first_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    issues = (
        ImportIssue("a.png", ("cat",), "a.png is larger than the limit"),
        ImportIssue("b.png", ("cat",), "the same bytes as 'b.png' under two labels"),
    )
    told = Dataset("projects/p/datasets/d", 1, {"cat": 1}, 1, 2, 0, 0, issues, (), 1, None)
    train._tell_data(ExampleSet(()), told)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == [
        "  a.png is larger than the limit",
        "  b.png: the same bytes as 'b.png' under two labels",
    ]


@pytest.mark.usefixtures("up")
def test_an_interrupted_wait_says_that_the_job_goes_on(suite: FakeSuite, images: Path) -> None:
    """In a process of its own: an interrupt that comes a moment late would hit the test runner."""
    suite.world.hold_jobs = True
    command = [sys.executable, "-m", "graft", "train", str(images), "--model", "hues"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 30
        while not suite.world.watches and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    (name,) = suite.world.jobs
    job = name.rpartition("/")[2]
    assert f"{job} goes on: `graft jobs watch` or `graft jobs cancel` {job}" in " ".join(
        told.split()
    )


def test_train_without_waiting_prints_the_job(up: Run, images: Path) -> None:
    told = up("train", images, "--model", "hues", "--no-wait", "--json").document
    assert told["name"].startswith("projects/default/trainingJobs/")
    said = up("train", images, "--model", "hues", "--no-wait").out
    newest = up("jobs", "list", "--json").document
    assert len(newest) == 2
    ids = [job["name"].rpartition("/")[2] for job in newest]
    assert any(f"graft jobs watch {one}" in said for one in ids)


def test_train_passes_on_what_only_the_report_warns_of(
    up: Run, suite: FakeSuite, images: Path
) -> None:
    suite.world.report_warnings = ["16 candidates were not tried."]
    done = up("train", images, "--model", "hues", "--budget", "1s", "--json")
    assert done.document["version"] == 1
    assert "warning: 16 candidates were not tried." in done.err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--model", "a/b"], "a model is"),
        (
            ["--model", "m", "--task", "detection"],
            "detection needs boxes: a .json document of COCO",
        ),
        (["--model", "m", "--backbone", "x/y"], "backbones/"),
        (["--model", "m", "--seed", str(10**30)], "spec.seed is a whole number"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_upload(
    up: Run, suite: FakeSuite, images: Path, arguments: list[str], wanted: str
) -> None:
    done = up("train", images, *arguments)
    assert (done.code, done.out) == (1, "")
    assert wanted in done.err
    assert suite.world.imports == []


def test_one_class_only_fails_with_the_servers_reason(up: Run, images: Path) -> None:
    for path in (images / "green").iterdir():
        path.unlink()
    done = up("train", images, "--model", "hues")
    assert done.code == 1
    assert "two classes are needed" in done.err
