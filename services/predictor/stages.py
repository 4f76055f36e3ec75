"""Where the time of one request went."""

from __future__ import annotations

import time
from collections.abc import Iterable

from google.protobuf import duration_pb2

from graft.common.v1 import timing_pb2
from services.common import metrics

_HISTOGRAMS = {stage: metrics.STAGE_SECONDS.labels(stage) for stage in ("resolve", "embed", "head")}


class Stages:
    """Stages one after the other, each from the end of the one before; `timings` to be answered."""

    def __init__(self) -> None:
        self._last_ns = time.perf_counter_ns()
        self.timings: list[timing_pb2.StageTiming] = []

    def end(self, stage: str) -> None:
        """Note that `stage` ends now."""
        now = time.perf_counter_ns()
        spent, self._last_ns = now - self._last_ns, now
        _HISTOGRAMS[stage].observe(spent / 1e9)
        seconds, nanos = divmod(spent, 1_000_000_000)
        duration = duration_pb2.Duration(seconds=seconds, nanos=nanos)
        self.timings.append(timing_pb2.StageTiming(stage=stage, duration=duration))

    def add_embedder(self, answers: Iterable[Iterable[timing_pb2.StageTiming]]) -> None:
        """Note the embedder's own stages; of calls that ran at once, those of the longest."""
        self.timings.extend(max(answers, key=_total_ns))


def _total_ns(timings: Iterable[timing_pb2.StageTiming]) -> int:
    return sum(timing.duration.ToNanoseconds() for timing in timings)
