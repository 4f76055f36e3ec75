"""The supervisor over real child processes: start, crash, give up, stop, side by side."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from graft import process
from graft.errors import AlreadyExists, FailedPrecondition
from graft.local import restarts
from graft.local.supervisor import Supervisor
from graft.runfile import SERVICES, Run, ServiceRun, read_run, run_path
from tests.support.fake_supervisor import fake_environ, fake_plan

WAIT_S = 30.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarts, "FIRST_DELAY_S", 0.01)


class Watched:
    """A supervisor in this process, and everything that it told."""

    def __init__(self, home: Path, grace_s: float = 10.0, **modes: str) -> None:
        self.environ = fake_environ(home)
        self.told: list[tuple[str, ServiceRun]] = []
        self._changed = asyncio.Event()
        plan = fake_plan(self.environ, grace_s, **modes)
        self.supervisor = Supervisor(plan, self.environ, self._tell)

    def _tell(self, name: str, seen: ServiceRun) -> None:
        self.told.append((name, seen))
        self._changed.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that was told."""
        async with asyncio.timeout(WAIT_S):
            while not happened():
                self._changed.clear()
                await self._changed.wait()

    def states(self, name: str) -> list[str]:
        return [seen.state for told, seen in self.told if told == name]

    def last(self, name: str) -> ServiceRun:
        return [seen for told, seen in self.told if told == name][-1]

    async def run_file(self, wanted: Callable[[Run], bool]) -> Run:
        """Wait until run.json says so."""
        async with asyncio.timeout(WAIT_S):
            while True:
                run = read_run(run_path(self.environ))
                if run is not None and wanted(run):
                    return run
                await asyncio.sleep(0.01)


@asynccontextmanager
async def supervised(home: Path, **options: object) -> AsyncIterator[Watched]:
    """A suite that serves, stopped at the end."""
    watched = Watched(home, **options)  # type: ignore[arg-type]
    running = asyncio.create_task(watched.supervisor.run())
    try:
        serving = watched.until(lambda: all("SERVING" in watched.states(name) for name in SERVICES))
        waiting = asyncio.create_task(serving)
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            running.result()
        yield watched
    finally:
        watched.supervisor.stop()
        await running


def pids(run: Run) -> list[int]:
    return [service.pid for service in run.services.values()]


async def test_a_suite_is_written_down_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        run = await watched.run_file(
            lambda run: all(one.state == "SERVING" for one in run.services.values())
        )
        assert run.alive
        assert set(run.services) == set(SERVICES)
        addresses = [one.address for one in run.services.values()]
        assert len({*addresses, *(one.metrics for one in run.services.values())}) == 6
        assert all(process.identity(pid) for pid in pids(run))
    assert read_run(run_path(watched.environ)) is None
    assert not any(process.identity(pid) for pid in pids(run))


async def test_the_embedder_stops_last(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        pass
    order = [name for name, seen in watched.told if seen.state == "STOPPED"]
    assert sorted(order[:2]) == ["predictor", "trainer"]
    assert order[2] == "embedder"


async def test_a_service_that_is_killed_is_started_again_with_a_message(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        others = [watched.last(name).pid for name in ("embedder", "predictor")]
        before = watched.last("trainer").pid
        os.kill(before, signal.SIGKILL)
        await watched.until(lambda: watched.states("trainer").count("SERVING") == 2)
        (note,) = {seen.note for _, seen in watched.told if seen.state == "WAITING"}
        assert note.startswith("killed by SIGKILL")
        assert "trainer.log" in note
        assert watched.last("trainer").restarts == 1
        assert watched.last("trainer").pid != before
        assert others == [watched.last(name).pid for name in ("embedder", "predictor")]


async def test_a_crash_at_the_start_is_survived(tmp_path: Path) -> None:
    async with supervised(tmp_path, predictor=f"crash-once {tmp_path / 'mark'}") as watched:
        (note,) = {seen.note for _, seen in watched.told if seen.state == "WAITING"}
        assert note.startswith("ended with exit code 3")


async def test_a_service_that_cannot_start_fails_the_start_and_stops_the_others(
    tmp_path: Path,
) -> None:
    watched = Watched(tmp_path, trainer="crash")
    with pytest.raises(FailedPrecondition, match="the trainer does not start") as caught:
        await watched.supervisor.run()
    assert "after 5 crashes" in str(caught.value)
    assert str(caught.value).endswith("Received: 'the roof is on fire'")
    assert watched.states("trainer").count("WAITING") == 4
    assert not any(process.identity(seen.pid) for _, seen in watched.told if seen.pid)
    assert read_run(run_path(watched.environ)) is None


async def test_a_service_that_refuses_its_settings_fails_the_start_at_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path, trainer="refuse")
    with pytest.raises(FailedPrecondition, match="it refuses its settings") as caught:
        await watched.supervisor.run()
    assert "GRAFT_MAX_BATCH must be a number" in str(caught.value)
    assert "WAITING" not in watched.states("trainer")


async def test_a_folder_that_cannot_be_written_fails_the_start_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watched = Watched(tmp_path)
    plan = watched.supervisor._plan
    logs = [replace(one, log=tmp_path / "file" / "x.log") for one in plan.services]
    watched.supervisor._plan = replace(plan, services=tuple(logs))
    with pytest.raises(FailedPrecondition, match=r"cannot write .*x\.log: "):
        await watched.supervisor.run()
    watched.supervisor._plan = replace(plan, home=tmp_path / "file")
    with pytest.raises(FailedPrecondition, match="set HOME to a folder of yours"):
        await Supervisor(watched.supervisor._plan, watched.environ).run()


async def test_a_service_given_up_later_leaves_the_rest_running(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        for crash in range(5):
            await watched.until(
                lambda crash=crash: watched.states("trainer").count("SERVING") == crash + 1  # type: ignore[misc]
            )
            os.kill(watched.last("trainer").pid, signal.SIGKILL)
        await watched.until(lambda: watched.last("trainer").state == "FAILED")
        run = await watched.run_file(lambda run: run.services["trainer"].state == "FAILED")
        assert "given up after 5 crashes" in run.services["trainer"].note
        assert run.services["embedder"].state == "SERVING"
        assert process.identity(run.services["embedder"].pid)


async def test_a_service_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    async with supervised(tmp_path, grace_s=0.3, embedder="stubborn") as watched:
        pid = watched.last("embedder").pid
    assert not process.identity(pid)


async def test_a_second_supervisor_for_the_same_home_is_refused(tmp_path: Path) -> None:
    async with supervised(tmp_path) as watched:
        second = Watched(tmp_path)
        with pytest.raises(AlreadyExists, match="runs already"):
            await second.supervisor.run()
        assert watched.last("trainer").state == "SERVING"
        assert read_run(run_path(watched.environ)) is not None


async def test_two_homes_live_side_by_side(tmp_path: Path) -> None:
    async with supervised(tmp_path / "a") as first, supervised(tmp_path / "b") as second:
        addresses = [one.last(name).address for one in (first, second) for name in SERVICES]
        assert len(set(addresses)) == 6


async def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    child = watched.supervisor._plan.services[0]
    object.__setattr__(child, "command", ("/no/such/program",))
    with pytest.raises(FailedPrecondition, match="the embedder cannot be started"):
        await watched.supervisor.run()
