"""The command line over the real services: what a newcomer types, and what survives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import digits
from tests.support.fake_supervisor import fake_environ

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "services" / "embedder" / "bundled"
WAIT_S = 60.0

Graft = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def graft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graft]:
    """Run `graft ...` as a process in a HOME where a suite runs."""
    home = tmp_path_factory.mktemp("home")
    environ = fake_environ(home)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "graft", *map(str, arguments)]
        return subprocess.run(
            command, cwd=home, env=environ, capture_output=True, text=True, check=False, timeout=120
        )

    started = run("up", "--detach", "--json")
    try:
        assert started.returncode == 0, started.stderr
        yield run
    finally:
        stopped = run("down")
    assert stopped.returncode == 0, stopped.stderr
    assert run("status").returncode == 1


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_pictures(root: Path, first: int, count: int) -> Path:
    for label in digits.LABELS:
        folder = root / label
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number}.png").write_bytes(digits.picture(label, first + number))
    return root


def status(graft: Graft) -> Any:
    return json.loads(graft("status", "--json").stdout)["services"]


def test_the_main_job(graft: Graft, tmp_path: Path) -> None:
    trained = document(
        graft("train", write_pictures(tmp_path / "a", 0, 15), "--model", "digits", "--json")
    )
    assert trained["model"] == "projects/default/models/digits"
    accuracy = trained["accuracy"]
    assert 0.5 < accuracy["low"] < accuracy["estimate"] < accuracy["high"] <= 1
    held_out = write_pictures(tmp_path / "b", 100, 5)
    done = graft("predict", "digits", held_out / "3", held_out / "4" / "0.png", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 6
    assert {line["version"] for line in lines} == {trained["version"]}
    scored = document(graft("evaluate", "digits", held_out, "--json"))
    assert scored["count"] == 50
    assert abs(scored["accuracy"] - accuracy["estimate"]) < 0.25
    page = tmp_path / "report.html"
    report = document(graft("report", "digits", "--html", page, "--json"))
    assert report["method"] == "cross-validation"
    assert page.stat().st_size > 1000


def test_a_killed_service_comes_back_and_says_what_happened(graft: Graft) -> None:
    before = status(graft)["predictor"]
    os.kill(before["pid"], signal.SIGKILL)
    deadline = time.monotonic() + WAIT_S
    while True:
        after = status(graft)["predictor"]
        if after["health"] == "SERVING" and after["pid"] != before["pid"]:
            break
        assert time.monotonic() < deadline, after
    assert after["restarts"] == before["restarts"] + 1
    assert "killed by SIGKILL" in after["note"]


def test_a_second_up_is_content(graft: Graft) -> None:
    done = graft("up", "--detach")
    assert done.returncode == 0
    assert "up already" in done.stdout
    assert graft("up", "--detach", "--data", "elsewhere").returncode == 1


def test_backbones_are_imported_from_a_folder(graft: Graft, tmp_path: Path) -> None:
    (source,) = [path.parent for path in BUNDLED.rglob("saved_model.pb")]
    copy = tmp_path / "module"
    shutil.copytree(source, copy)
    imported = document(graft("backbones", "import", copy, "--name", "mine", "--json"))
    assert imported["name"] == "backbones/mine"
    assert imported["engine"]
    assert "mine" in graft("backbones", "list").stdout
    shown = document(graft("backbones", "show", "mine", "--json"))
    assert shown["digest"] == imported["digest"]


def test_a_foreground_suite_stops_on_ctrl_c(tmp_path: Path) -> None:
    environ = {**fake_environ(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "graft", "up"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as up:
        assert up.stdout is not None
        lines = []
        for line in up.stdout:
            lines.append(line)
            if "Graft is up" in line:
                up.send_signal(signal.SIGINT)
        assert up.wait(WAIT_S) == 0
    told = "".join(lines)
    assert all(f"{name} " in told for name in ("embedder", "trainer", "predictor"))
    assert told.rstrip().endswith("stopped")
    assert not (tmp_path / ".graft" / "run.json").exists()
