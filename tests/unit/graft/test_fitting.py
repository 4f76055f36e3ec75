"""Boxes on a picture of 200 x 100 pixels: what is taken, mended and refused."""

from __future__ import annotations

import math

import pytest

from graft.boxes import MAX_BOXES, Box, Drawing, LabelledBox
from graft.fitting import Fitted, fit


def box(
    label: str, left: float, top: float, width: float, height: float, *, origin: str = ""
) -> LabelledBox:
    return LabelledBox(label, Box(left, top, width, height), origin=origin)


def judged(*boxes: LabelledBox, width: int = 200, height: int = 100) -> Fitted:
    return fit(Drawing(boxes), width, height)


def test_good_boxes_are_kept_by_label_and_place() -> None:
    found = judged(box("dog", 5, 6, 7, 8), box("cat", 0, 0, 200, 100), box("cat", 0, 0, 2, 2))
    assert (found.why, found.note) == ("", "")
    assert found.boxes == (
        LabelledBox("cat", Box(0, 0, 2, 2)),
        LabelledBox("cat", Box(0, 0, 200, 100)),
        LabelledBox("dog", Box(5, 6, 7, 8)),
    )


def test_a_picture_without_boxes_is_good() -> None:
    assert judged() == Fitted("")


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ((math.nan, 0, 5, 5), "no finite number"),
        ((0, 0, math.inf, 5), "no finite number"),
        ((50, 50, -20, 5), "its corners are swapped"),
        ((50, 50, 0, 5), "it has no area"),
        ((50, 50, 5, 0), "it has no area"),
        ((50, 50, 0.4, 5), "it has no area: less than 0.5 pixels"),
        ((150, 0, 60, 5), "10 pixels beyond the right side of the picture, 200 x 100"),
        ((-3, 0, 60, 5), "3 pixels beyond the left side"),
        ((0, 70, 5, 32), "2 pixels beyond the lower side"),
        ((0, -1.5, 5, 5), "1.5 pixels beyond the upper side"),
        ((300, 300, 5, 5), "beyond the right side"),
        ((199.8, 0, 2, 5), "it has no area"),
    ],
)
def test_a_box_that_cannot_be_right_refuses_the_picture(
    sides: tuple[float, float, float, float], words: str
) -> None:
    good = box("cat", 1, 1, 5, 5)
    found = judged(good, box("dog", *sides, origin="annotation 17"))
    assert found.boxes == ()
    assert found.why.startswith("annotation 17, 'dog': ")
    assert words in found.why
    assert f"correct or remove it. Received: left {sides[0]:g}" in found.why


def test_a_box_without_an_origin_is_called_by_its_number() -> None:
    assert judged(box("cat", 1, 1, 5, 5), box("a", 0, 0, 0, 1)).why.startswith("box 2, 'a': ")


@pytest.mark.parametrize(
    ("sides", "wanted", "words"),
    [
        ((-2, 10, 50, 10), (0, 10, 48, 10), "2 pixels at the left side"),
        ((160, 10, 42, 10), (160, 10, 40, 10), "2 pixels at the right side"),
        ((10, -1, 10, 11), (10, 0, 10, 10), "1 pixels at the upper side"),
        ((10, 90, 10, 11), (10, 90, 10, 10), "1 pixels at the lower side"),
        ((-2, -1, 204, 102), (0, 0, 200, 100), "left side, 1 pixels at the upper side"),
    ],
)
def test_what_sticks_out_a_little_is_cut_and_told(
    sides: tuple[float, float, float, float], wanted: tuple[float, float, float, float], words: str
) -> None:
    found = judged(box("cat", *sides, origin="row 3"))
    assert found.why == ""
    assert found.boxes == (LabelledBox("cat", Box(*wanted)),)
    assert found.note.startswith("1 box was cut to the picture (row 3, 'cat': ")
    assert words in found.note


def test_rounding_is_cut_and_not_told() -> None:
    found = judged(box("cat", -0.004, 0, 50, 100.009))
    assert (found.why, found.note) == ("", "")
    assert found.boxes[0].box.left == 0
    assert found.boxes[0].box.bottom == 100


def test_a_large_picture_forgives_more() -> None:
    assert judged(box("cat", 0, 0, 20_100, 50), width=20_000, height=100).why == ""


def test_the_same_box_twice_is_used_once_and_told() -> None:
    found = judged(box("cat", 1, 2, 3, 4), box("cat", 1, 2, 3, 4), box("cat", 1, 2, 3, 5))
    assert [one.box.height for one in found.boxes] == [4, 5]
    assert found.note == (
        "1 box was given again and used once ('cat' at left 1, top 2, width 3, height 4)."
    )


def test_two_labels_on_one_box_are_taken_and_told() -> None:
    found = judged(box("dog", 1, 2, 3, 4), box("cat", 1, 2, 3, 4))
    assert [one.label for one in found.boxes] == ["cat", "dog"]
    assert "1 box was taken under several labels ('cat', 'dog' at left 1, top 2" in found.note


def test_a_note_names_a_few_of_many() -> None:
    found = judged(*(box("cat", -1, n, 20, 10) for n in range(50)))
    assert found.note.startswith("50 boxes were cut to the picture (box 1, 'cat'")
    assert found.note.count("pixels at") == 3
    assert found.note.endswith("; ...).")


def test_shares_become_pixels() -> None:
    drawn = Drawing((box("cat", 0.25, 0.5, 0.75, 0.5),), relative=True)
    assert fit(drawn, 200, 100).boxes[0].box == Box(50, 50, 150, 50)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ((200, 100), ""),
        ((0, 0), ""),
        ((200, 0), ""),
        ((100, 200), "turned by its EXIF"),
        ((400, 200), "drawn on 400 x 200 pixels, and it has 200 x 100: scale the boxes"),
    ],
)
def test_boxes_of_a_picture_of_another_size_are_refused(drawn: tuple[int, int], words: str) -> None:
    why = fit(Drawing((box("cat", 1, 1, 2, 2),), *drawn), 200, 100).why
    assert words in why
    assert bool(why) == bool(words)


def test_a_picture_takes_a_bounded_number_of_boxes() -> None:
    many = [box("cat", n % 100, n // 100, 50, 50) for n in range(MAX_BOXES)]
    assert len(judged(*many).boxes) == MAX_BOXES
    assert judged(*many, box("cat", 0, 0, 9, 9)).why == (
        "a picture takes at most 1000 boxes. Received: 1001 boxes"
    )
