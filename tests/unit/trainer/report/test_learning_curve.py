"""The part of the page about more examples."""

from __future__ import annotations

import re

import pytest

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.curve import HEIGHT, WIDTH
from services.trainer.report.learning_curve import MAX_CLASSES, more_data

EVIL = "<script>alert(1)</script>\"' onload=x \u202egnp"


def _interval(low: float, estimate: float, high: float) -> pb.Interval:
    return pb.Interval(estimate=estimate, low=low, high=high, level=0.8)


def _evaluation(classes: int = 2, label: str = "hat") -> pb.Evaluation:
    curve = pb.LearningCurve(sentence=f"Twice as many {label} help.")
    for n, accuracy in ((2.0, 0.44), (4.5, 0.55), (9.0, 0.65)):
        curve.measured.add(
            examples_per_class=n, accuracy=_interval(accuracy - 0.05, accuracy, accuracy + 0.05)
        )
    for n, accuracy in ((10.0, 0.66), (20.0, 0.72), (40.0, 0.79)):
        curve.forecast.add(
            examples_per_class=n, accuracy=_interval(accuracy - 0.08, accuracy, accuracy + 0.09)
        )
    for i in range(classes):
        curve.classes.add(label=label, sentence=f"About 7 to 20 more of {label} {i} lift it.")
    return pb.Evaluation(learning_curve=curve)


def test_without_a_curve_there_is_no_section() -> None:
    assert more_data(pb.Evaluation()) == ""


def test_words_come_first_then_the_plot_then_the_method() -> None:
    page = more_data(_evaluation())
    places = [page.index(part) for part in ("Twice as many", "<svg", "About 7 to 20", "<details")]
    assert places == sorted(places)


def test_every_number_of_the_message_is_in_the_table() -> None:
    rows = re.findall(
        r"<tr class=\"\"><th scope=\"row\">(.*?)</th>(.*?)</tr>", more_data(_evaluation())
    )
    assert [size for size, _ in rows] == ["2", "4.5", "9", "10", "20", "40"]
    assert "<td>55%</td><td>50% to 60%</td><td>measured</td>" in rows[1][1]
    assert "<td>72%</td><td>64% to 81%</td><td>expected</td>" in rows[4][1]


def test_the_plot_keeps_within_its_frame_and_rises_to_the_right() -> None:
    page = more_data(_evaluation())
    area, line = re.findall(r'<poly(?:gon|line) points="([^"]+)"', page)
    for place in (area + " " + line).split():
        x, y = map(float, place.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    middle = [tuple(map(float, place.split(","))) for place in line.split()]
    assert [x for x, _ in middle] == sorted(x for x, _ in middle)
    assert [y for _, y in middle] == sorted((y for _, y in middle), reverse=True)
    assert len(area.split()) == 2 * len(middle)
    assert page.count("<circle") == 3


def test_examples_are_on_a_logarithmic_scale() -> None:
    line = re.findall(r'<polyline points="([^"]+)"', more_data(_evaluation()))[0]
    first, second, third = (float(place.split(",")[0]) for place in line.split())
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_labels_that_would_touch_are_left_out() -> None:
    evaluation = _evaluation()
    evaluation.learning_curve.measured[2].examples_per_class = 9.6
    page = more_data(evaluation)
    shown = re.findall(r'text-anchor="middle" style="fill:var\(--soft\)">([\d.,]+)</text>', page)
    assert shown == ["2", "4.5", "9.6", "20", "40"]


def test_everything_from_outside_is_escaped() -> None:
    page = more_data(_evaluation(label=EVIL))
    assert "<script" not in page
    assert "\u202e" not in page


def test_of_many_classes_some_are_shown_and_the_rest_is_said() -> None:
    page = more_data(_evaluation(classes=MAX_CLASSES + 3))
    assert page.count("About 7 to 20") == MAX_CLASSES
    assert "3 more classes are in the JSON report." in page


def test_a_flat_curve_at_one_size_is_drawn() -> None:
    evaluation = pb.Evaluation()
    for n in (1.0, 2.0):
        evaluation.learning_curve.forecast.add(
            examples_per_class=n, accuracy=_interval(1.0, 1.0, 1.0)
        )
    page = more_data(evaluation)
    assert "nan" not in page
    assert "Class by class" not in page
    one = pb.Evaluation()
    one.learning_curve.sentence = "Nothing is known."
    assert "<svg" not in more_data(one)
