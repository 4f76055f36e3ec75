"""A supervisor over fake services, in this process or, as `python -m`, in one of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from graft.errors import GraftError
from graft.local.__main__ import supervise
from graft.local.plan import Plan, make_plan
from graft.runfile import SERVICES, ServiceRun

LAUNCH = (sys.executable, "-m", "graft.local.launch", "tests.support.fake_service")
ROOT = Path(__file__).resolve().parents[2]


def fake_environ(home: Path) -> dict[str, str]:
    """An environment with a HOME of its own in which the tests can be imported."""
    inherited = {key: text for key, text in os.environ.items() if not key.startswith("GRAFT_")}
    return {**inherited, "HOME": str(home), "PYTHONPATH": str(ROOT), "GRAFT_GRACE_S": "5"}


def fake_plan(environ: Mapping[str, str], grace_s: float = 10.0, **modes: str) -> Plan:
    """A plan whose services behave by their mode, `serve` unless another one is given."""
    plan = make_plan(environ)
    services = tuple(
        replace(one, command=(*LAUNCH, *modes.get(one.name, "serve").split()))
        for one in plan.services
    )
    return replace(plan, services=services, grace_s=grace_s)


def _print(name: str, seen: ServiceRun) -> None:
    print(name, seen.state, seen.note, flush=True)


def main(*modes: str) -> None:
    """Supervise fakes with these modes, in the order of SERVICES."""
    try:
        plan = fake_plan(os.environ, 10.0, **dict(zip(SERVICES, modes, strict=False)))
        supervise(plan, _print)
    except GraftError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
