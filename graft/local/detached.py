"""A suite in the background: starting its supervisor, and stopping it by its number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from graft import process
from graft.errors import DeadlineExceeded, FailedPrecondition
from graft.local.child import SERVING
from graft.local.lock import is_held
from graft.local.logs import open_log
from graft.local.plan import Plan
from graft.runfile import Run, ServiceRun, graft_home, live_run, read_run, run_path

POLL_S: Final = 0.1
KILL_AFTER_S: Final = 5.0
"""Beyond the two graces of the services, until the supervisor itself is killed."""

STARTING_S: Final = 10.0
"""Between a supervisor's lock and its run.json, at most."""

Command = tuple[str, ...]


def supervisor_command(plan: Plan) -> Command:
    """How the supervisor of a detached suite is started."""
    return (sys.executable, "-m", "graft.local", str(plan.data))


def start(
    plan: Plan,
    environ: Mapping[str, str],
    *,
    command: Command,
    on_change: Callable[[str, ServiceRun], None],
) -> Run:
    """Start the supervisor and answer the suite once every service serves.

    Raises FailedPrecondition with the supervisor's last words when it ends before that; an
    interrupted wait stops it.
    """
    log = plan.data / "logs" / "supervisor.log"
    with open_log(log, fresh=True) as output:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environ),
            start_new_session=True,
        )
    try:
        run = _wait_serving(supervisor, run_path(environ), log, on_change)
        supervisor.returncode = 0  # it outlives this process on purpose, and its object says so
        return run
    except BaseException:
        _end(supervisor, plan.grace_s)
        raise


def _wait_serving(
    supervisor: subprocess.Popen[bytes],
    path: Path,
    log: Path,
    on_change: Callable[[str, ServiceRun], None],
) -> Run:
    seen: dict[str, ServiceRun] = {}
    while True:
        if supervisor.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise FailedPrecondition(lines[-1] if lines else f"the supervisor ended; see {log}")
        run = read_run(path)
        if run is not None and run.pid == supervisor.pid:
            for name, service in run.services.items():
                if seen.get(name) != service:
                    on_change(name, service)
            seen = dict(run.services)
            if all(service.state == SERVING for service in seen.values()):
                return run
        time.sleep(POLL_S)


def _end(supervisor: subprocess.Popen[bytes], grace_s: float) -> None:
    supervisor.terminate()
    try:
        supervisor.wait(2 * grace_s + KILL_AFTER_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


def stop(environ: Mapping[str, str], grace_s: float) -> Run | None:
    """Stop the suite of this HOME and answer what it was; None when none ran.

    What a killed supervisor left behind is cleared away.
    """
    run = _starting_or_live(environ)
    if run is None:
        run_path(environ).unlink(missing_ok=True)
        return None
    os.kill(run.pid, signal.SIGTERM)
    if not _gone(run, 2 * grace_s + KILL_AFTER_S):
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)
        if not _gone(run, KILL_AFTER_S):
            raise DeadlineExceeded(f"the supervisor does not end. Received: process {run.pid}")
    if read_run(run_path(environ)) == run:
        run_path(environ).unlink(missing_ok=True)
    return run


def _starting_or_live(environ: Mapping[str, str]) -> Run | None:
    """Answer the running suite; one that has just begun to start is waited for."""
    deadline = time.monotonic() + STARTING_S
    while (run := live_run(environ)) is None and is_held(graft_home(environ)):
        if time.monotonic() > deadline:
            raise DeadlineExceeded(
                f"a supervisor holds {graft_home(environ)} and does not say who it is; stop it by"
                f" hand. Received: no run.json within {STARTING_S:g} s"
            )
        time.sleep(POLL_S)
    return run


def _gone(run: Run, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while process.is_running(run.pid, run.identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
