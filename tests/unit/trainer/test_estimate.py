from __future__ import annotations

from datetime import timedelta

import pytest

from graft.common.v1 import timing_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.estimate import detection_duration, duration


def result(embedded: int, cached: int = 0, **phases: float) -> pb.TrainingResult:
    timings = [
        timing_pb2.StageTiming(stage=stage, duration=timedelta(seconds=seconds))
        for stage, seconds in phases.items()
    ]
    return pb.TrainingResult(embedded_count=embedded, cached_count=cached, phases=timings)


def test_without_a_job_to_go_by_the_range_is_wide() -> None:
    found = duration(250, 250, [])
    assert found.low < 1
    assert 10 < found.high < 60


def test_what_is_cached_costs_no_embedding() -> None:
    assert duration(250, 0, []).high < duration(250, 250, []).high


def test_jobs_before_narrow_the_range_around_what_they_cost() -> None:
    past = [result(100, embed=2.0, search=0.5), result(100, embed=3.0, search=0.5)]
    found = duration(100, 100, [*past, result(100, embed=2.5, search=0.5)])
    assert found.low < 3.0 < found.high
    assert found.high / found.low < 3


def test_a_job_that_embedded_next_to_nothing_does_not_count_for_embedding() -> None:
    slow = result(1, 99, embed=5.0, search=0.5)
    assert duration(100, 100, [slow]).high < 100


def test_more_examples_may_cost_more_but_need_not() -> None:
    past = [result(0, 100, search=1.0)]
    found = duration(1000, 0, past)
    assert found.low <= 1.0
    assert found.high >= 10.0


@pytest.mark.parametrize("past", [[], [pb.TrainingResult()], [result(0)]])
def test_results_without_facts_are_overlooked(past: list[pb.TrainingResult]) -> None:
    assert duration(10, 10, past) == duration(10, 10, [])


def test_a_detector_costs_its_views_and_its_networks() -> None:
    found = detection_duration(25, [])
    assert 10 < found.low < found.high < 200
    past = [result(325, embed=6.5, search=20.0), result(0, 325, search=20.0)]
    told = detection_duration(25, past)
    assert told.low < 26.5 < told.high
    assert told.high - told.low < found.high - found.low
