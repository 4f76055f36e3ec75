"""up, down, status: the suite on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from graft import health
from graft.addresses import find_addresses
from graft.cli.output import JsonFlag, err, fail, note, print_json, print_table, say
from graft.errors import FailedPrecondition, Unavailable
from graft.local import child, detached
from graft.local.__main__ import supervise
from graft.local.plan import Plan, check_installed, local_environ, make_plan
from graft.runfile import SERVICES, Run, ServiceRun, live_run

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Where everything is kept; ~/.graft by default.")
]
DetachFlag = Annotated[
    bool, typer.Option("--detach", help="Return when all services serve; they go on running.")
]


def up(data: DataOption = None, detach: DetachFlag = False, json: JsonFlag = False) -> None:
    """Start embedder, trainer and predictor on this machine."""
    environ = local_environ()
    plan = make_plan(environ, data)
    if running := live_run(environ):
        _check_same(running, plan, data is not None, bool(environ.get("GRAFT_STORE")))
        _already(running, json)
        return
    check_installed()
    if detach:
        command = detached.supervisor_command(plan)
        with err().status("starting the services (TensorFlow takes some seconds to load)"):
            run = detached.start(plan, environ, command=command, on_change=_tell)
        if json:
            print_json(run)
        else:
            say(f"Graft is up; its data are in {run.data}. `graft down` stops it.")
        return
    note("starting the services (TensorFlow takes some seconds to load); Ctrl-C stops them")
    supervise(plan, _Foreground(json).tell)
    note("stopped")


class _Foreground:
    """Shows a suite in the foreground: a line a service, and one when all serve."""

    def __init__(self, json: bool) -> None:
        self._json = json
        self._seen: dict[str, ServiceRun] = {}
        self._told = False

    def tell(self, name: str, seen: ServiceRun) -> None:
        """Take notice of a change."""
        self._seen[name] = seen
        _tell(name, seen)
        serving = [one for one in self._seen.values() if one.state == child.SERVING]
        if not self._told and len(serving) == len(SERVICES):
            self._told = True
            if self._json:
                print_json({"services": self._seen})
            else:
                say("Graft is up; Ctrl-C stops it.")


def _tell(name: str, seen: ServiceRun) -> None:
    """Show what matters to a person."""
    if seen.state == child.SERVING:
        note(f"{name:<10} serving at {seen.address}   metrics at {seen.metrics}   log {seen.log}")
    elif seen.state in (child.WAITING, child.FAILED):
        fail(f"{name}: {seen.note}")
    elif seen.state == child.NOT_SERVING:
        note(f"{name:<10} is not serving just now")


def _check_same(run: Run, plan: Plan, data_given: bool, store_given: bool) -> None:
    """A second `up` is content with the suite that runs, unless it asks for another one."""
    if data_given and Path(run.data) != plan.data:
        raise FailedPrecondition(
            f"a suite runs already with its data in {run.data}; `graft down` stops it."
            f" Received: --data {plan.data}"
        )
    if store_given and run.store != plan.store:
        raise FailedPrecondition(
            f"a suite runs already with its store in {run.store}; `graft down` stops it."
            f" Received: GRAFT_STORE {plan.store}"
        )


def _already(run: Run, json: bool) -> None:
    """Say how the suite is that runs already; raise FailedPrecondition when it is given up."""
    failed = [name for name, seen in run.services.items() if seen.state == child.FAILED]
    if failed:
        raise FailedPrecondition(
            f"a suite runs already, but was given up on: {', '.join(failed)}; `graft status` says"
            " why, `graft down` and `graft up` start afresh"
        )
    if json:
        print_json(run)
    else:
        say(f"Graft is up already, since before; its data are in {run.data}.")


def down(json: JsonFlag = False) -> None:
    """Stop the services that `graft up` started."""
    environ = local_environ()
    with err().status("stopping the services"):
        run = detached.stop(environ, make_plan(environ).grace_s)
    if json:
        print_json({"stopped": run is not None})
    else:
        say("Graft is down." if run else "Graft was not running.")


def status(json: JsonFlag = False) -> None:
    """Tell how each service is; exit 1 unless all serve."""
    environ = local_environ()
    run = live_run(environ)
    addresses = find_addresses(environ)
    known = {name: getattr(addresses, name) for name in SERVICES}
    if not any(known.values()):
        addresses.of(SERVICES[0])  # raises, and names `graft up`
    asked = asyncio.run(_ask_all(known))
    services = {
        name: _as_seen(known[name], asked[name], run.services.get(name) if run else None)
        for name in SERVICES
    }
    if json:
        document = {"data": run.data if run else "", "store": run.store if run else ""}
        print_json({**document, "pid": run.pid if run else 0, "services": services})
    else:
        _print_status(services, run)
    if any(entry["health"] != health.SERVING for entry in services.values()):
        raise typer.Exit(1)


async def _ask_all(addresses: dict[str, str]) -> dict[str, str]:
    async def ask(address: str) -> str:
        return await health.ask_health(address) if address else health.UNREACHABLE

    found = await asyncio.gather(*(ask(address) for address in addresses.values()))
    return dict(zip(addresses, found, strict=True))


def _as_seen(address: str, asked: str, seen: ServiceRun | None) -> dict[str, Any]:
    """Join what the server says now with what the supervisor knows of it."""
    ours = seen if seen is not None and seen.address == address else None
    return {
        "address": address,
        "health": asked,
        "state": ours.state if ours else "",
        "pid": ours.pid if ours else 0,
        "restarts": ours.restarts if ours else 0,
        "metrics": ours.metrics if ours else "",
        "log": ours.log if ours else "",
        "note": ours.note if ours else "",
    }


def _print_status(services: dict[str, dict[str, Any]], run: Run | None) -> None:
    rows = [
        [name, entry["health"], entry["address"], entry["pid"] or "", entry["restarts"] or ""]
        for name, entry in services.items()
    ]
    print_table(["service", "health", "address", "process", "restarts"], rows)
    for name, entry in services.items():
        if entry["note"] and entry["state"] != child.SERVING:
            fail(f"{name}: {entry['note']}")
    if run:
        note(f"data in {run.data}, logs in {Path(run.data) / 'logs'}")


def need_running() -> None:
    """Raise Unavailable, naming `graft up`, when no suite runs for this HOME."""
    if live_run(local_environ()) is None:
        raise Unavailable("no suite runs on this machine; start one with `graft up`")
