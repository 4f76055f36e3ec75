"""Programs of the suite that run beside the services: over the same store, with TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from graft.errors import FailedPrecondition
from graft.local.plan import local_environ, make_plan
from graft.runfile import live_run

_LINES_KEPT: Final = 20


def run_program(
    command: Sequence[str], what: str, told: Callable[[str], None] = lambda line: None
) -> str:
    """What `python -m command` prints on standard output; `told` hears its standard error by line.

    Raises FailedPrecondition with what its last line tells, `{REASON}: {text}`, when it fails.
    """
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env=_environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        lines: deque[str] = deque(maxlen=_LINES_KEPT)
        try:
            for line in running.stderr:
                lines.append(line.strip())
                told(line.strip())
            printed = running.stdout.read()
        except BaseException:
            running.terminate()
            raise
    if running.returncode:
        last = next((line for line in reversed(lines) if line), "")
        reason, _, text = last.partition(": ")
        known = text and reason.isupper()
        raise FailedPrecondition(
            text if known else f"{what} failed. Received: {[last] if last else []}",
            reason=reason if known else "",
        )
    return printed


def _environ() -> Mapping[str, str]:
    """This process's own, over the store of the suite that runs.

    Raises FailedPrecondition where an embedder elsewhere is named and its store is not.
    """
    environ = dict(local_environ())
    if not environ.get("GRAFT_STORE"):
        if named := environ.get("GRAFT_EMBEDDER"):
            raise FailedPrecondition(
                "this writes to the store of the embedder that GRAFT_EMBEDDER names: set"
                f" GRAFT_STORE to that store, or run it in the embedder's pod. Received: {named!r}"
            )
        run = live_run(environ)
        environ["GRAFT_STORE"] = run.store if run else make_plan(environ).store
    return environ
