"""`python -m graft.local [DATA]`: the supervisor that `graft up --detach` leaves running."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from graft.errors import GraftError
from graft.local.plan import Plan, local_environ, make_plan
from graft.local.supervisor import Report, Supervisor
from graft.runfile import ServiceRun


def supervise(plan: Plan, report: Report) -> None:
    """Run a suite in this process until it is told to stop; raise what `Supervisor.run` raises."""
    asyncio.run(_supervise(plan, report))


async def _supervise(plan: Plan, report: Report) -> None:
    await Supervisor(plan, local_environ(), report).run()


def _log(name: str, seen: ServiceRun) -> None:
    print(f"{name}: {seen.state} {seen.note}".rstrip(), flush=True)


def main() -> None:
    """Supervise; an error ends the process with status 1 and its text as the log's last line."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        supervise(make_plan(local_environ(), data), _log)
    except GraftError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
