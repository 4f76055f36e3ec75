"""What the report says about unknown inputs."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.familiarity import Familiarity
from services.trainer.evaluate.unknown import METHOD, NOTHING_FLAGGED, unknown_check
from services.trainer.search.unknown import Unknown
from services.trainer.search.unknown_check import UnknownNumbers

FAMILIARITY = Familiarity.of(np.zeros(3), np.eye(3)[:, :1])


def _unknown(measured: float | None) -> Unknown:
    return Unknown(FAMILIARITY, 0.95, measured, 0 if measured is None else 100)


def test_the_numbers_are_handed_on() -> None:
    found = unknown_check(_unknown(0.94), UnknownNumbers(0.82, 0.7, 6, 6))
    assert (found.method, found.kept_share, found.measured_kept_share) == (METHOD, 0.95, 0.94)
    assert (found.auroc, found.auroc_max_probability) == (0.82, 0.7)


def test_it_says_what_the_flag_costs_and_finds() -> None:
    sentence = unknown_check(_unknown(0.94), UnknownNumbers(0.82, 0.7, 6, 6)).sentence
    assert "About 6 of 100 inputs that do belong" in sentence
    assert "each class was hidden" in sentence
    assert "looked stranger in 82 of 100 cases" in sentence


def test_groups_of_classes_are_called_groups() -> None:
    sentence = unknown_check(_unknown(0.94), UnknownNumbers(0.82, 0.7, 10, 40)).sentence
    assert "each of several groups of classes was hidden" in sentence


@pytest.mark.parametrize(
    ("auroc", "advice"),
    [
        (0.95, "You can rely on the flag"),
        (0.8, "Many inputs that resemble your classes are noticed, not all"),
        (0.6, "Do not rely on the flag for inputs that resemble your classes"),
    ],
)
def test_it_says_what_to_do(auroc: float, advice: str) -> None:
    assert advice in unknown_check(_unknown(0.95), UnknownNumbers(auroc, 0.5, 5, 5)).sentence


def test_without_hidden_classes_nothing_is_said_about_them() -> None:
    found = unknown_check(_unknown(0.95), None)
    assert not found.HasField("auroc")
    assert not found.HasField("auroc_max_probability")
    assert "hidden" not in found.sentence
    assert "About 5 of 100" in found.sentence


def test_where_nothing_was_held_out_it_says_so() -> None:
    found = unknown_check(_unknown(None), UnknownNumbers(0.9, 0.8, 3, 3))
    assert found.sentence == NOTHING_FLAGGED
    assert not found.HasField("auroc")
    assert found.measured_kept_share == 0
