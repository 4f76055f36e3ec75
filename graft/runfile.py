"""run.json: what the running suite on this machine is, and where it listens.

It lies under ~/.graft, where HOME decides. The supervisor is its only writer and replaces it as a
whole; everybody else reads. One left behind by a supervisor that was killed is recognised by the
identity of its process.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from graft import process
from graft.errors import DataLoss, FailedPrecondition

SERVICES: Final = ("embedder", "trainer", "predictor")


@dataclass(frozen=True, slots=True)
class ServiceRun:
    """One service as the supervisor last saw it; `note` is for people."""

    address: str
    metrics: str
    log: str
    state: str
    pid: int = 0
    restarts: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A suite started by `graft up`; `identity` tells its supervisor from a later process."""

    pid: int
    identity: str
    version: str
    data: str
    store: str
    services: Mapping[str, ServiceRun]

    @property
    def alive(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return process.is_running(self.pid, self.identity)


def graft_home(environ: Mapping[str, str]) -> Path:
    """Answer ~/.graft."""
    home = environ.get("HOME", "")
    return (Path(home) if home else Path.home()) / ".graft"


def run_path(environ: Mapping[str, str]) -> Path:
    """Answer where run.json lies."""
    return graft_home(environ) / "run.json"


def write_run(path: Path, run: Run) -> None:
    """Replace the file as a whole: a reader sees the old text or the new one.

    Raises FailedPrecondition when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".run-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(run), file, indent=2)
        os.replace(name, path)
    except OSError as error:
        raise FailedPrecondition(f"cannot write {path}: {error.strerror}") from error


def read_run(path: Path) -> Run | None:
    """Read the file, stale or not; None when there is none; raise DataLoss for a damaged one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise DataLoss(f"{path} cannot be read; mend or remove it. Received: {why}") from error
    try:
        return _from_document(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataLoss(
            f"{path} is damaged; stop the services by hand and remove it. Received: {text[:200]!r}"
        ) from error


def _from_document(document: dict[str, Any]) -> Run:
    services = {name: ServiceRun(**entry) for name, entry in document.pop("services").items()}
    return Run(**document, services=services)


def live_run(environ: Mapping[str, str]) -> Run | None:
    """Answer the suite that runs for this HOME; None when there is none or only a stale file."""
    run = read_run(run_path(environ))
    return run if run is not None and run.alive else None
