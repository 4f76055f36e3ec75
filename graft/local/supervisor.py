"""The supervisor: one process that owns the three services of a suite and its run.json."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import graft
from graft import process
from graft.errors import FailedPrecondition
from graft.local.child import FAILED, SERVING, Child, ChildSpec
from graft.local.lock import only_one
from graft.local.logs import last_words, rotate
from graft.local.plan import Plan, ServicePlan, child_environ
from graft.local.ports import Ports
from graft.runfile import Run, ServiceRun, write_run

START_TIMEOUT_S: Final = 300.0
"""How long all services may take to say SERVING; TensorFlow alone takes seconds to import."""

ROTATE_EVERY_S: Final = 10.0

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STOP_ORDER: Final = (("predictor", "trainer"), ("embedder",))
"""Those that call the embedder finish their calls before it goes."""

Report = Callable[[str, ServiceRun], None]
"""Told the name of a service and how it is seen now."""


def _silent(name: str, seen: ServiceRun) -> None:
    """Tell nobody."""


class Supervisor:
    """Owns the children, their ports and run.json, from `run` to its end."""

    def __init__(self, plan: Plan, environ: Mapping[str, str], report: Report = _silent) -> None:
        self._plan = plan
        self._environ = environ
        self._report = report
        self._children: dict[str, Child] = {}
        self._changed = asyncio.Event()
        self._ended = False
        self._stopping = asyncio.Event()
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Start everything, then live until SIGTERM, SIGINT or SIGHUP, then stop everything.

        Raises AlreadyExists when a suite runs for this HOME, FailedPrecondition when a port that
        was set is taken or when the services do not come up; whatever happens, none is left.
        """
        with only_one(self._plan.home), contextlib.closing(Ports()) as ports, self._signals():
            for spec in self._specs(ports):
                self._children[spec.name] = Child(spec, self._note)
            await self._supervise()

    def stop(self) -> None:
        """Ask it to end."""
        self._stopping.set()
        self._settle(None)

    async def _supervise(self) -> None:
        running = {asyncio.create_task(child.run()) for child in self._children.values()}
        publishing = asyncio.create_task(self._publish())
        rotating = asyncio.create_task(self._rotate_logs())
        for task in running:
            task.add_done_callback(self._note_end)
        try:
            await self._wait_started()
            await self._watch({*running, publishing, rotating})
        finally:
            await self._stop_children()
            rotating.cancel()
            self._ended = True
            self._changed.set()  # not cancelled: a thread that writes would go on and write last
            await asyncio.gather(*running, publishing, rotating, return_exceptions=True)
            self._run_path.unlink(missing_ok=True)

    async def _wait_started(self) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._started
        except TimeoutError as error:
            slow = [child for child in self._children.values() if child.seen.state != SERVING]
            raise FailedPrecondition(
                f"not serving after {START_TIMEOUT_S:g} s; see"
                f" {', '.join(str(child.spec.log) for child in slow)}."
                f" Received: {', '.join(f'{c.spec.name} {c.seen.state}' for c in slow)}"
            ) from error

    async def _watch(self, tasks: set[asyncio.Task[None]]) -> None:
        """Live until told to stop: a service that is given up leaves the others, a bug does not."""
        stopping = asyncio.create_task(self._until_stopped())
        left = {*tasks, stopping}
        while not stopping.done():
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _until_stopped(self) -> None:
        await self._stopping.wait()

    async def _stop_children(self) -> None:
        for names in _STOP_ORDER:
            children = [self._children[name] for name in names if name in self._children]
            await asyncio.gather(*(child.stop(self._plan.grace_s) for child in children))

    def _note(self, child: Child) -> None:
        """Take notice of a child that has changed."""
        self._report(child.spec.name, child.seen)
        self._changed.set()
        if child.seen.state == FAILED:
            words = last_words(child.spec.log)
            text = f"the {child.spec.name} does not start: {child.seen.note}. Received: {words!r}"
            self._settle(FailedPrecondition(text))
        elif all(one.seen.state == SERVING for one in self._children.values()):
            self._settle(None)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """A child's loop that raised before all served is why the start failed."""
        if not task.cancelled() and (error := task.exception()):
            self._settle(error)

    def _settle(self, error: BaseException | None) -> None:
        """Say once whether the start went well."""
        if self._started.done():
            return
        if error is None:
            self._started.set_result(None)
        else:
            self._started.set_exception(error)

    async def _publish(self) -> None:
        """Keep run.json as the children are."""
        while not self._ended:
            self._changed.clear()
            await asyncio.to_thread(write_run, self._run_path, self._as_run())
            await self._changed.wait()

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_EVERY_S)
            for child in self._children.values():
                await asyncio.to_thread(rotate, child.spec.log)

    def _as_run(self) -> Run:
        pid, identity = process.own()
        return Run(
            pid=pid,
            identity=identity,
            version=graft.__version__,
            data=str(self._plan.data),
            store=self._plan.store,
            services={name: child.seen for name, child in self._children.items()},
        )

    @property
    def _run_path(self) -> Path:
        return self._plan.home / "run.json"

    def _specs(self, ports: Ports) -> list[ChildSpec]:
        """Choose every port, then the environments, which name the embedder's."""
        chosen = [
            (one, ports.take(one.address, fixed=one.fixed), ports.take(one.metrics, fixed=False))
            for one in self._plan.services
        ]
        embedder = next((address for one, address, _ in chosen if one.name == "embedder"), "")
        return [self._spec(*entry, embedder) for entry in chosen]

    def _spec(self, one: ServicePlan, address: str, metrics: str, embedder: str) -> ChildSpec:
        environ = child_environ(self._plan, address, metrics, embedder, self._environ)
        return ChildSpec(one.name, one.command, environ, address, metrics, one.log)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
