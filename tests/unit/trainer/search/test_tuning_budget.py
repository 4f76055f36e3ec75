"""Whether tuning fits a budget, and what is said where it does not."""

from __future__ import annotations

import re

import pytest

from services.trainer.search.tuning_budget import (
    SHARE,
    START_S,
    USUAL_PIXELS,
    Budget,
    affordable,
    expected_s,
)


def test_more_examples_and_larger_pictures_take_longer() -> None:
    assert START_S < expected_s(50, 2, USUAL_PIXELS) < expected_s(250, 2, USUAL_PIXELS)
    assert expected_s(250, 1, USUAL_PIXELS) < expected_s(250, 2, USUAL_PIXELS)
    small, large = (expected_s(250, 2, share * USUAL_PIXELS) - START_S for share in (1, 4))
    assert large == pytest.approx(4 * small)


def test_it_is_tried_only_where_a_budget_is_stated_and_suffices() -> None:
    assert affordable(40.0, Budget(stated=True, spent_s=5.0, left_s=40.0)).yes
    assert not affordable(40.1, Budget(stated=True, spent_s=5.0, left_s=40.0)).yes
    assert not affordable(1.0, Budget(stated=False, spent_s=5.0, left_s=40.0)).yes


def test_the_reason_tells_the_time_and_what_allows_it() -> None:
    short = affordable(90.4, Budget(stated=True, spent_s=5.0, left_s=30.0)).reason
    assert short == "not tried: it would take about 90 s, 30 s are left; `--budget 2m` allows it"
    unstated = affordable(20.0, Budget(stated=False, spent_s=5.0, left_s=30.0)).reason
    assert unstated == "not tried: it would take about 20 s; `--budget 1m` allows it"
    spent = affordable(20.0, Budget(stated=True, spent_s=60.0, left_s=-3.0)).reason
    assert "0 s are left" in spent


@pytest.mark.parametrize("seconds", [1.0, 47.9, 48.1, 500.0, 4_000.0])
@pytest.mark.parametrize("spent_s", [0.0, 11.0, 200.0])
def test_the_budget_that_is_named_does_allow_it(seconds: float, spent_s: float) -> None:
    told = affordable(seconds, Budget(stated=False, spent_s=spent_s, left_s=0.0)).reason
    match = re.search(r"--budget (\d+)m", told)
    assert match is not None
    left_s = SHARE * (60 * int(match[1]) - spent_s)
    assert affordable(seconds, Budget(stated=True, spent_s=spent_s, left_s=left_s + 1e-9)).yes
    less_s = SHARE * (60 * (int(match[1]) - 1) - spent_s)
    assert not affordable(seconds, Budget(stated=True, spent_s=spent_s, left_s=less_s)).yes
