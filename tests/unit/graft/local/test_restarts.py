"""When a crashed service is started again, and when it is given up."""

from __future__ import annotations

import pytest

from graft.local.restarts import MAX_CRASHES, Crash, Verdict, judge


def crashes(*times: float, served: bool = True) -> list[Crash]:
    return [Crash(at, served) for at in times]


@pytest.mark.parametrize(
    ("times", "delay_s"), [((0,), 0.5), ((0, 1), 1.0), ((0, 1, 2), 2.0), ((0, 1, 2, 3), 4.0)]
)
def test_the_delay_doubles_with_every_crash(times: tuple[float, ...], delay_s: float) -> None:
    assert judge(crashes(*times)) == Verdict(delay_s, len(times))


def test_five_crashes_within_a_minute_are_enough() -> None:
    assert judge(crashes(0, 10, 20, 30, 59)) == Verdict(None, MAX_CRASHES)


def test_crashes_more_than_a_minute_ago_are_forgotten() -> None:
    assert judge(crashes(0, 10, 20, 30, 61)) == Verdict(4.0, 4)
    assert judge(crashes(0, 1, 2, 3, 1000)) == Verdict(0.5, 1)


def test_a_service_that_never_serves_is_given_up_however_slowly_it_dies() -> None:
    assert judge(crashes(0, 100, 200, 300, served=False)).delay_s == 4.0
    assert judge(crashes(0, 100, 200, 300, 400, served=False)) == Verdict(None, 5)


def test_a_service_that_refuses_its_settings_is_not_tried_again() -> None:
    assert judge([Crash(0, served=False, refused=True)]) == Verdict(None, 1)
    assert judge([*crashes(0), Crash(1, served=False, refused=True)]) == Verdict(None, 2)


def test_having_served_in_between_starts_the_count_afresh() -> None:
    row = [*crashes(0, 100, 200, served=False), *crashes(300), *crashes(400, served=False)]
    assert judge(row) == Verdict(0.5, 1)
