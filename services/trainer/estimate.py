"""What a job would cost: a range of seconds from what jobs before it cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.detection.views import views_each

MIN_EMBEDDED: Final = 16
"""A job that embedded fewer says little about the cost of one."""
SLACK: Final = 1.5
"""How far to each side of what was measured the range goes."""


@dataclass(frozen=True, slots=True)
class Range:
    """Seconds, low and high."""

    low: float
    high: float

    def times(self, count: float) -> Range:
        return Range(self.low * count, self.high * count)

    def plus(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)


# Without a job to go by: from a fast accelerator to a large backbone on one slow core.
EMBED_ONE: Final = Range(0.001, 0.08)
FIXED: Final = Range(0.2, 3.0)
FIT_ONE: Final = Range(0.0005, 0.02)
NETWORKS: Final = Range(10.0, 120.0)
"""The networks of a detector and its report."""


def duration(example_count: int, uncached_count: int, past: Sequence[pb.TrainingResult]) -> Range:
    """From RUNNING to the end, for so many examples; `past` has the results of the last jobs."""
    embed = _embed_one(past).times(uncached_count)
    return embed.plus(_rest(example_count, past))


def detection_duration(pictures: int, past: Sequence[pb.TrainingResult]) -> Range:
    """The same of a detector, whose pictures are embedded in many views; `past` are results of
    detectors. What is in the cache is not known before the views are drawn."""
    views = pictures * (1 + views_each(pictures, numbers=1))  # the picture itself is answered, too
    return _embed_one(past).times(views).plus(_rest(views, past) if past else NETWORKS)


def _embed_one(past: Sequence[pb.TrainingResult]) -> Range:
    costs = [
        _seconds(result, "embed") / result.embedded_count
        for result in past
        if result.embedded_count >= MIN_EMBEDDED and _seconds(result, "embed")
    ]
    return _around(median(costs)) if costs else EMBED_ONE


def _rest(example_count: int, past: Sequence[pb.TrainingResult]) -> Range:
    """All but embedding: it grows with the examples, at most in proportion where it is measured."""
    found = []
    for result in past:
        count = result.embedded_count + result.cached_count
        if count and result.phases:
            scale = example_count / count
            spent = _seconds(result) - _seconds(result, "embed")
            found.append(Range(spent * min(1.0, scale), spent * max(1.0, scale)))
    if not found:
        return FIXED.plus(FIT_ONE.times(example_count))
    low, high = median(r.low for r in found), median(r.high for r in found)
    return Range(low / SLACK, high * SLACK)


def _around(seconds: float) -> Range:
    return Range(seconds / SLACK, seconds * SLACK)


def _seconds(result: pb.TrainingResult, phase: str = "") -> float:
    """The time of one phase, or of all."""
    return sum(
        timing.duration.ToNanoseconds() / 1e9
        for timing in result.phases
        if not phase or timing.stage == phase
    )
