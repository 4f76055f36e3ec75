"""What only the report of a detector says."""

from __future__ import annotations

import pytest

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.detection import classes, counts, errors, hero, outlook, sizes
from services.trainer.report.detection_words import advice, by_size
from services.trainer.report.html import Origin, render
from tests.support.detected import report
from tests.support.page import Page

EVIL = "<script>alert(1)</script>\"' onload=x & \u202egnp"
ORIGIN = Origin("wardrobe", "mobilenet", "ab" * 32, 7, "0.1.0")


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(report(), ORIGIN, {}))


@pytest.mark.parametrize(
    "sentence",
    [
        "It scores 83 of 100 for finding things on new pictures like these",
        "19 times out of 20) between 78 and 88",
        "Of 100 things it finds about 80, and of 100 boxes that it draws about 74 are right.",
        "Where boxes must fit more closely, it scores 52",
        "It does best on hat (finds 86% of them) and worst on shoe (55%)",
        "4% of the things in held-out pictures were, too",
        "Every picture was held out once.",
        "More help.",
        "mAP at IoU 0.50.830",
        "ab" * 32,
    ],
)
def test_it_says_what_was_found(page: Page, sentence: str) -> None:
    assert sentence in page.text


def test_it_says_nothing_that_is_of_labels_of_whole_pictures(page: Page) -> None:
    for absent in ("Accuracy", "mixed up", "Log loss", "guessing", "What was tried", "nan"):
        assert absent not in page.text


def test_the_weakest_class_comes_first_with_its_threshold_and_its_things() -> None:
    told = Page(classes(report())).text
    assert told.index("shoe30") < told.index("hat70")
    assert told.count("0.4153%") == told.count("0.4184%") == 1


def test_what_goes_wrong_most_often_is_told_with_what_to_do() -> None:
    told = Page(errors(report())).text
    assert "Most often (20 times) a thing was not found. Look at the missed ones" in told
    assert "a box where there is nothing1429%" in told
    assert told.index("a thing was not found20") < told.index("a second box on one thing1")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("background", "its box is missing in your data: draw it"),
        ("wrong_place", "Draw each box close around the whole"),
        ("wrong_class", "make one class of what you need not tell apart"),
        ("duplicate", "things touch or hide each other"),
        ("missed", "add pictures with things like them"),
    ],
)
def test_each_kind_of_error_has_its_own_advice(kind: str, words: str) -> None:
    found = pb.DetectionEvaluation(errors=[pb.DetectionErrors(label="a", hit=9)])
    assert "Nothing went wrong" in advice(found)
    setattr(found.errors[0], kind, 3)
    assert words in advice(found)


def test_sizes_that_fare_worse_are_named_and_absent_ones_have_no_score() -> None:
    told = Page(sizes(report())).text
    assert "It does worst on small things: take pictures from nearer" in told
    assert "large: 96 x 96 and above0none" in told
    found = report().detection
    found.bands[0].thing_count = 3
    assert by_size(found) == ""
    found.bands[0].thing_count, found.bands[0].map50 = 30, 0.7
    assert "fare about equally well" in by_size(found)


def test_counts_say_to_which_side_they_lean() -> None:
    assert "hat4075%0.40.3 too few" in Page(counts(report())).text
    found = report()
    found.detection.counts[0].bias = 0.02
    assert "neither way" in counts(found)


def test_the_outlook_is_drawn_and_listed() -> None:
    drawn = outlook(report())
    assert "<svg" in drawn
    assert "<td>60%</td><td>50% to 70%</td><td>measured</td>" in drawn
    assert ">pictures</text>" in drawn
    unmeasured = report()
    unmeasured.detection.ClearField("outlook")
    assert outlook(unmeasured) == ""


def test_without_a_score_it_says_so_and_shows_none() -> None:
    found = pb.Evaluation(method="none", detection=pb.DetectionEvaluation())
    found.per_class.add(label="hat", example_count=1)
    found.data.warnings.append("Only one picture has a box")
    told = Page(render(found, ORIGIN, {})).text
    assert "How well it finds things cannot be said" in told
    assert "Only one picture has a box" in told
    for absent in ("Class by class", "What goes wrong", "Can it count", "of 100"):
        assert absent not in told


def test_a_detector_that_draws_nothing_is_told_so() -> None:
    found = report()
    for one in found.detection.errors:
        one.CopyFrom(pb.DetectionErrors(label=one.label, missed=40))
    assert "it drew no box at all" in hero(found)


def test_everything_from_outside_is_escaped() -> None:
    found = report(name=EVIL)
    found.detection.outlook = found.interval_method = EVIL
    found.detection.bands[0].name = found.detection.pictures[0].path = EVIL
    text = render(found, ORIGIN, {})
    page = Page(text)
    assert page.count("script") == 0
    assert "\u202e" not in text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count("<script>alert(1)</script>") >= 8
