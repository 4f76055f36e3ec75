from __future__ import annotations

from services.trainer.jobs.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def written(seconds: float, step: float) -> int:
    """How many of the reports that come every `step` seconds in one phase are due."""
    clock = Clock()
    pace, count = Pace(clock), 0
    while clock.now < 50 + seconds:
        count += pace.due("embed")
        clock.now += step
    return count


def test_a_new_phase_is_always_due() -> None:
    pace = Pace(Clock())
    assert [pace.due(phase) for phase in ("a", "a", "b", "b", "c")] == [True, False] * 2 + [True]


def test_reports_in_one_phase_come_every_half_second() -> None:
    assert written(10, 0.01) in (20, 21)


def test_the_events_of_a_day_stay_a_few_hundred() -> None:
    assert 300 < written(24 * 3600, 0.3) < 600
