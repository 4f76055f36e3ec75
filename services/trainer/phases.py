"""The phases of a job: told while they run, timed when they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from graft.common.v1 import timing_pb2
from graft.trainer.v1 import training_job_pb2 as pb

NAMES: Final = ("snapshot", "embed", "search", "evaluate", "publish")

Report = Callable[[pb.Progress], None]
"""Takes what a job is doing; raises Cancelled when the job must stop."""


class Phases:
    """Owns the clock of one job."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str, unit: str = "") -> Iterator[Callable[[int, int], None]]:
        """Tell that a phase begins, time it, and answer what takes (done, total) while it runs."""
        start = time.perf_counter()
        self._report(pb.Progress(phase=name, unit=unit))

        def tell(done: int, total: int) -> None:
            self._report(pb.Progress(phase=name, done=done, total=total, unit=unit))

        yield tell
        self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start

    def timings(self) -> list[timing_pb2.StageTiming]:
        """The time of every phase that has ended, in their order."""
        found = []
        for name, seconds in self._seconds.items():
            timing = timing_pb2.StageTiming(stage=name)
            timing.duration.FromNanoseconds(round(seconds * 1e9))
            found.append(timing)
        return found
