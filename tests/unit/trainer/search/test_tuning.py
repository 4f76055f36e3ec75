"""When a tail is tuned and when it is kept: the table of decisions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.search.tuning import (
    FOLDS,
    MAX_ACTIVATION_BYTES,
    MIN_MISTAKES,
    MIN_PER_CLASS,
    ROUND_STEPS,
    Comparison,
    Costs,
    Prospect,
    Verdict,
    choose_cut,
    epochs_of,
    keep,
    keep_expected,
    keep_over,
    worth_trying,
)

GOOD = Prospect(
    median_class=25,
    mistakes=60,
    measured=250,
    activation_bytes=20 << 20,
    seconds=30.0,
    seconds_left=40.0,
)


def test_a_low_ceiling_with_data_and_time_is_tried() -> None:
    verdict = worth_trying(GOOD)
    assert verdict.yes
    assert "60 of 250 held-out answers wrong" in verdict.reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"median_class": MIN_PER_CLASS - 1}, "it needs 5 examples of a class or more; got 4"),
        ({"mistakes": MIN_MISTAKES - 1}, "too little to gain: 9 of 250 held-out answers wrong"),
        ({"activation_bytes": MAX_ACTIVATION_BYTES + (1 << 20)}, "1025 MiB, the limit is 1024"),
        ({"seconds": 90.0}, "about 90 s, 40 s are left"),
        ({"seconds_left": -3.0}, "about 30 s, 0 s are left"),
    ],
)
def test_what_cannot_pay_is_not_tried(change: dict[str, float], why: str) -> None:
    verdict = worth_trying(replace(GOOD, **change))  # type: ignore[arg-type]
    assert not verdict.yes
    assert verdict.reason.startswith("not tried: ")
    assert why in verdict.reason


@pytest.mark.parametrize(
    "change", [{"median_class": MIN_PER_CLASS}, {"mistakes": MIN_MISTAKES}, {"seconds": 40.0}]
)
def test_the_limits_themselves_are_let_in(change: dict[str, float]) -> None:
    assert worth_trying(replace(GOOD, **change)).yes  # type: ignore[arg-type]


def compared(gains: list[float], before: float, after: float, folds: int = FOLDS) -> Comparison:
    frozen = np.full(len(gains), 1.0)
    right, mended = np.full(len(gains), before), np.full(len(gains), after)
    return Comparison(frozen, frozen - np.array(gains), right, mended, folds)


def test_a_gain_beyond_its_error_is_kept_with_its_numbers() -> None:
    verdict = keep(compared([0.5, 0.3, 0.4, 0.2], 0.75, 0.8))
    assert verdict.yes
    assert "lower by 0.350 ± 0.065" in verdict.reason
    assert "75.0% frozen, 80.0% tuned" in verdict.reason


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (compared([1.0, -1.0, 0.9, -0.8], 0.7, 0.8), "no gain beyond one standard error"),
        (compared([-0.5, -0.3, -0.4], 0.7, 0.7), "no gain beyond one standard error"),
        (compared([0.5, 0.3, 0.4, 0.2], 0.80, 0.79), "answers less often right"),
        (compared([0.5, 0.3, 0.4, 0.2], 0.7, 0.8, folds=1), "first fold"),
        (compared([0.5], 0.7, 0.8), "no gain beyond one standard error"),
        (compared([float("nan")] * 3, 0.7, 0.8), "no gain beyond one standard error"),
    ],
)
def test_whatever_does_not_earn_its_place_is_left(found: Comparison, why: str) -> None:
    verdict = keep(found)
    assert not verdict.yes
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("shapes", "cut"),
    [
        (
            {
                "stride4": [56, 56, 24],
                "stride16": [14, 14, 96],
                "stride32": [7, 7, 320],
                "final_conv": [7, 7, 1280],
                "default": [1280],
            },
            "stride16",
        ),
        ({"a": [6, 6, 192], "b": [6, 6, 96], "c": [3, 3, 384], "default": [384]}, "b"),
        ({"map": [8, 8, 8], "default": [6]}, None),
        ({"default": [256]}, None),
        ({**{f"layer{n}": [256, 384] for n in range(7)}, "default": [384]}, "layer2"),
        ({**{f"layer{n}": [512, 768] for n in range(13)}, "default": [768]}, "layer4"),
        ({"states": [512, 768], "default": [768]}, None),
    ],
)
def test_the_cut_is_the_deepest_map_finer_than_the_last(
    shapes: dict[str, list[int]], cut: str | None
) -> None:
    assert choose_cut(shapes) == cut


@pytest.mark.parametrize("n", [1, 30, 79, 80, 250, 10_000])
def test_a_round_has_enough_steps(n: int) -> None:
    assert epochs_of(n, 80) * max(1, n // 80) >= ROUND_STEPS
    assert (epochs_of(n, 80) - 1) * max(1, n // 80) < ROUND_STEPS


def test_the_estimate_grows_with_examples_and_views() -> None:
    costs = Costs(step_s=0.01, forward_s=0.003)
    assert costs.trial_s(500, 2, 80) > costs.trial_s(500, 1, 80) > costs.trial_s(100, 1, 80) > 0


def test_a_tail_must_beat_the_search_as_well() -> None:
    yes, no = Verdict(True, "taken"), Verdict(False, "left")
    assert keep_over(yes, 0.5, 0.6) == yes
    assert keep_over(no, 0.5, 0.6) == no
    assert not keep_over(yes, 0.6, 0.6).yes
    assert "0.700 tuned, 0.600 frozen" in keep_over(yes, 0.7, 0.6).reason


def test_where_tuning_is_expected_to_pay_only_more_mistakes_beyond_chance_count() -> None:
    yes, losses = Verdict(True, "taken"), np.full(16, 0.6)
    frozen, one_less, four_less = np.ones(16), np.ones(16), np.ones(16)
    one_less[:1], four_less[:4] = 0.0, 0.0
    frozen[5:8] = 0.0
    level = Comparison(losses, losses + 1.0, frozen, frozen[::-1], FOLDS)
    assert not keep(level).yes
    assert keep(level, expected=True).yes
    worse = Comparison(losses, losses - 0.1, np.ones(16), four_less, FOLDS)
    assert not keep(worse, expected=True).yes
    assert keep_expected(yes, level, frozen) == yes
    assert not keep_expected(yes, worse, one_less).yes
    partly = np.where(np.arange(16) < 8, one_less, np.nan)  # the search was asked about a part
    assert not keep_expected(yes, worse, partly).yes
    assert keep_expected(yes, worse, np.full(16, np.nan)) == yes
    assert not keep_expected(Verdict(False, "left"), level, frozen).yes
    assert worth_trying(replace(GOOD, mistakes=3, expected=True)).yes
    assert not worth_trying(replace(GOOD, mistakes=0, expected=True)).yes
