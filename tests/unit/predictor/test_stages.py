"""Where the time went: stages in order, the embedder's inside its own."""

from __future__ import annotations

from google.protobuf import duration_pb2

from graft.common.v1 import timing_pb2
from services.predictor.stages import Stages


def timing(stage: str, nanos: int) -> timing_pb2.StageTiming:
    return timing_pb2.StageTiming(stage=stage, duration=duration_pb2.Duration(nanos=nanos))


def test_stages_follow_each_other_and_none_is_negative() -> None:
    stages = Stages()
    for name in ("resolve", "embed", "head"):
        stages.end(name)
    assert [one.stage for one in stages.timings] == ["resolve", "embed", "head"]
    assert all(one.duration.ToNanoseconds() >= 0 for one in stages.timings)


def test_of_calls_at_once_the_longest_is_told() -> None:
    stages = Stages()
    stages.add_embedder([[timing("decode", 1)], [timing("decode", 5), timing("device", 2)]])
    told = [(one.stage, one.duration.nanos) for one in stages.timings]
    assert told == [("decode", 5), ("device", 2)]
