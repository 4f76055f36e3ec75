"""Where the services listen: the environment first, then run.json."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graft.errors import Unavailable
from graft.names import check_id
from graft.runfile import SERVICES, live_run, run_path

DEFAULT_PROJECT: Final = "default"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Targets of the three services; an empty one is not known, and `why` says what was tried."""

    embedder: str = ""
    trainer: str = ""
    predictor: str = ""
    why: str = ""

    def of(self, service: str) -> str:
        """Answer a service's target; raise Unavailable, naming `graft up`, when it is unknown."""
        target = str(getattr(self, service))
        if not target:
            raise Unavailable(
                f"no {service} is known: start the suite with `graft up`, or set"
                f" GRAFT_{service.upper()} to host:port. Received: {self.why or 'no address'}",
                metadata={"service": service},
            )
        return target


def find_addresses(environ: Mapping[str, str] | None = None) -> Addresses:
    """Find the services: GRAFT_EMBEDDER, GRAFT_TRAINER and GRAFT_PREDICTOR, else run.json."""
    environ = os.environ if environ is None else environ
    found = {name: environ.get(f"GRAFT_{name.upper()}", "") for name in SERVICES}
    path = run_path(environ)
    why = ""
    if not all(found.values()):
        run = live_run(environ)
        if run is None:
            why = f"a stale {path}" if path.exists() else f"no {path}"
        else:
            found = {name: found[name] or run.services[name].address for name in SERVICES}
    return Addresses(**found, why=why)


def find_project(environ: Mapping[str, str] | None = None) -> str:
    """Answer GRAFT_PROJECT, or `default`; raise InvalidArgument for one that is no name."""
    environ = os.environ if environ is None else environ
    return check_id(environ.get("GRAFT_PROJECT", "") or DEFAULT_PROJECT, "project")
