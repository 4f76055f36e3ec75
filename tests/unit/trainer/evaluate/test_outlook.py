"""The sentences, and the message that carries them."""

from __future__ import annotations

import dataclasses

import pytest

from services.trainer.evaluate.forecast import (
    RATIOS,
    ClassOutlook,
    Forecast,
    Point,
    Range,
    Verdict,
)
from services.trainer.evaluate.outlook import class_sentence, sentence, to_learning_curve

HAT = ClassOutlook(1, 12, 0.71, 0.80, 10, 25, False, Verdict.HELPS)
SHOES = ClassOutlook(0, 30, 0.97, 0.975, 0, 0, True, Verdict.USELESS)
FOUND = Forecast(
    measured=(Point(2.0, Range(0.5, 0.4, 0.6)), Point(9.0, Range(0.68, 0.6, 0.75))),
    expected=tuple(
        Point(10 * r, Range(0.6 + 0.05 * i, 0.5 + 0.04 * i, 0.7 + 0.06 * i))
        for i, r in enumerate(RATIOS)
    ),
    gain_double=Range(0.1, 0.04, 0.16),
    gain_most=Range(0.2, 0.1, 0.3),
    verdict=Verdict.HELPS,
    classes=(HAT, SHOES),
)


def test_it_says_how_much_and_what_to_do() -> None:
    assert sentence(FOUND) == (
        "Twice as many examples (about 20 of each class) are expected to lift the accuracy from "
        "60% to 70%; in 8 of 10 cases it comes to lie between 58% and 82%. The gain is surer than "
        "the level: 4 to 16 points in 8 of 10 cases. Collecting more is worth the work."
    )


def test_no_gain_is_told_with_what_to_do_instead() -> None:
    useless = dataclasses.replace(
        FOUND, verdict=Verdict.USELESS, gain_most=Range(0.005, 0.001, 0.012)
    )
    assert "hardly help: with 4 times as many the accuracy would rise by 1 point" in sentence(
        useless
    )
    little = dataclasses.replace(FOUND, verdict=Verdict.LITTLE)
    assert "That is little: look first at the examples it gets wrong" in sentence(little)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {},
            "About 10 to 25 more examples of hat lift the share found from 71% to 80%, if the "
            "other classes grow in step.",
        ),
        ({"capped": True}, "About 10 to 25 more examples, or still more, of hat lift"),
        ({"more_low": 1, "more_high": 1}, "About 1 more of hat lift"),
        ({"verdict": Verdict.LITTLE}, "Whether more hat would help much cannot be told from 12"),
        ({"verdict": Verdict.LITTLE, "recall_then": 0.712}, "are expected to leave it at 71%."),
        ({"verdict": Verdict.USELESS, "recall_now": 0.993}, "More hat will not help: 99.3% are"),
    ],
)
def test_a_class_in_words(change: dict[str, object], words: str) -> None:
    assert words in class_sentence(dataclasses.replace(HAT, **change), "hat")  # type: ignore[arg-type]


def test_the_message_holds_it_all() -> None:
    found = to_learning_curve(FOUND, ["shoes", "hat"])
    assert [point.examples_per_class for point in found.measured] == [2.0, 9.0]
    assert [point.examples_per_class for point in found.forecast] == [10 * r for r in RATIOS]
    first = found.forecast[0].accuracy
    assert (first.estimate, first.low, first.high, first.level) == (0.6, 0.5, 0.7, 0.8)
    assert [each.label for each in found.classes] == ["hat", "shoes"]
    assert (found.classes[0].more_low, found.classes[0].more_high) == (10, 25)
    assert (found.classes[0].recall_now, found.classes[0].recall_then) == (0.71, 0.80)
    assert (found.classes[1].more_low, found.classes[1].more_high) == (0, 0)
    assert found.classes[1].sentence.startswith("More shoes will not help")
    assert found.sentence == sentence(FOUND)
