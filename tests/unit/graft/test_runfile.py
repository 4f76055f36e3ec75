"""run.json: written whole, read back, recognised when stale."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graft import process
from graft.addresses import Addresses, find_addresses, find_project
from graft.errors import DataLoss, InvalidArgument
from graft.runfile import Run, ServiceRun, live_run, read_run, run_path, write_run

ENVIRON_KEYS = {"embedder": "a:1", "trainer": "b:2", "predictor": "c:3"}


def make_run(pid: int = 0, identity: str = "") -> Run:
    services = {
        name: ServiceRun(address, "m:1", "/log", "SERVING")
        for name, address in ENVIRON_KEYS.items()
    }
    own = process.own()
    return Run(pid or own[0], identity or own[1], "0.1", "/data", "file:///data/store", services)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def ended() -> int:
    """The number of a process that has ended and been waited for."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_what_is_written_is_read_back(environ: dict[str, str]) -> None:
    run = make_run()
    write_run(run_path(environ), run)
    assert read_run(run_path(environ)) == live_run(environ) == run
    assert [path.name for path in run_path(environ).parent.iterdir()] == ["run.json"]


def test_no_file_is_no_suite(environ: dict[str, str]) -> None:
    assert read_run(run_path(environ)) is None
    assert live_run(environ) is None


def test_a_dead_supervisor_is_recognised(environ: dict[str, str]) -> None:
    write_run(run_path(environ), make_run(pid=ended()))
    assert live_run(environ) is None


def test_a_number_that_somebody_else_has_now_is_recognised(environ: dict[str, str]) -> None:
    write_run(run_path(environ), make_run(identity="another boot/12345"))
    assert live_run(environ) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '"text"', "3", '{"services": {"embedder": 3}}']
)
def test_a_damaged_file_is_named(environ: dict[str, str], text: str) -> None:
    path = run_path(environ)
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DataLoss, match=r"run\.json is damaged"):
        live_run(environ)


def test_a_file_that_cannot_be_read_is_named(environ: dict[str, str]) -> None:
    run_path(environ).mkdir(parents=True)
    with pytest.raises(DataLoss, match=r"run\.json cannot be read.*Received: Is a directory"):
        live_run(environ)
    run_path(environ).rmdir()
    run_path(environ).write_bytes(b"\xff\xfe")
    with pytest.raises(DataLoss, match=r"Received: not UTF-8"):
        live_run(environ)


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    before = process.identity(child.pid)
    assert process.is_running(child.pid, before)
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not process.is_running(child.pid, before)
    child.wait()


def test_a_process_whose_name_holds_brackets_is_told_apart(tmp_path: Path) -> None:
    script = tmp_path / "odd) S (name"
    script.write_text("#!/bin/sh\nread line\n")
    script.chmod(0o700)
    child = subprocess.Popen([script], stdin=subprocess.PIPE)
    assert process.identity(child.pid).rpartition("/")[2].isdecimal()
    child.communicate()


def test_addresses_come_from_the_environment_first(environ: dict[str, str]) -> None:
    write_run(run_path(environ), make_run())
    assert find_addresses(environ) == Addresses("a:1", "b:2", "c:3")
    found = find_addresses({**environ, "GRAFT_TRAINER": "far:9"})
    assert found == Addresses("a:1", "far:9", "c:3")


def test_without_a_suite_the_reason_is_told(environ: dict[str, str]) -> None:
    assert find_addresses(environ).why == f"no {run_path(environ)}"
    write_run(run_path(environ), replace(make_run(), identity="x"))
    found = find_addresses({**environ, "GRAFT_EMBEDDER": "a:1"})
    assert (found.embedder, found.trainer) == ("a:1", "")
    assert found.why == f"a stale {run_path(environ)}"


def test_addresses_that_are_all_set_need_no_file(environ: dict[str, str]) -> None:
    run_path(environ).parent.mkdir()
    run_path(environ).write_text("damaged")
    wanted = {f"GRAFT_{name.upper()}": address for name, address in ENVIRON_KEYS.items()}
    assert find_addresses({**environ, **wanted}) == Addresses("a:1", "b:2", "c:3")


def test_the_project() -> None:
    assert find_project({}) == find_project({"GRAFT_PROJECT": ""}) == "default"
    assert find_project({"GRAFT_PROJECT": "team"}) == "team"
    with pytest.raises(InvalidArgument, match="a project is"):
        find_project({"GRAFT_PROJECT": "a/b"})
