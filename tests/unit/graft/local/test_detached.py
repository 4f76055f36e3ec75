"""A suite in the background, in processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graft import process
from graft.errors import FailedPrecondition
from graft.local import detached
from graft.local.lock import is_held
from graft.runfile import Run, ServiceRun, live_run, read_run, run_path
from tests.support.fake_supervisor import fake_environ, fake_plan

GRACE_S = 10.0
WAIT_S = 20.0


def start(home: Path, **variables: str) -> Run:
    environ = {**fake_environ(home), **variables}
    return detached.start(
        fake_plan(environ),
        environ,
        command=(sys.executable, "-m", "tests.support.fake_supervisor"),
        on_change=_ignore,
    )


def _ignore(name: str, seen: ServiceRun) -> None:
    pass


def gone(*pids: int) -> bool:
    """Wait until none of them runs."""
    deadline = time.monotonic() + WAIT_S
    while any(process.identity(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_runs_until_it_is_stopped(tmp_path: Path) -> None:
    environ = fake_environ(tmp_path)
    run = start(tmp_path)
    try:
        assert live_run(environ) == run
        assert all(one.state == "SERVING" for one in run.services.values())
    finally:
        stopped = detached.stop(environ, GRACE_S)
    assert stopped is not None
    assert stopped.pid == run.pid
    assert gone(run.pid, *(one.pid for one in run.services.values()))
    assert read_run(run_path(environ)) is None
    assert detached.stop(environ, GRACE_S) is None


def test_services_die_with_a_killed_supervisor_and_what_it_left_is_cleared(tmp_path: Path) -> None:
    environ = fake_environ(tmp_path)
    run = start(tmp_path)
    os.kill(run.pid, signal.SIGKILL)
    assert gone(*(one.pid for one in run.services.values()))
    assert read_run(run_path(environ)) is not None
    assert live_run(environ) is None
    assert detached.stop(environ, GRACE_S) is None
    assert read_run(run_path(environ)) is None


def test_a_suite_that_has_just_begun_to_start_is_found_and_stopped(tmp_path: Path) -> None:
    environ = fake_environ(tmp_path)
    command = [sys.executable, "-m", "tests.support.fake_supervisor"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as supervisor:
        deadline = time.monotonic() + WAIT_S
        while not is_held(tmp_path / ".graft"):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        stopped = detached.stop(environ, GRACE_S)
        assert stopped is not None
        assert stopped.pid == supervisor.pid
        assert supervisor.wait(WAIT_S) == 0


def test_a_start_that_fails_tells_the_supervisors_last_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(FailedPrecondition, match=f"cannot listen at {address}"):
            start(tmp_path, GRAFT_TRAINER=address)
    assert live_run(fake_environ(tmp_path)) is None


def test_launch_ends_its_service_when_its_standard_input_does(tmp_path: Path) -> None:
    environ = {**fake_environ(tmp_path), "GRAFT_LISTEN": "127.0.0.1:0"}
    child = subprocess.Popen(
        [sys.executable, "-m", "graft.local.launch", "tests.support.fake_service", "serve"],
        stdin=subprocess.PIPE,
        env=environ,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(WAIT_S) in (0, -signal.SIGTERM)
