"""What is told of the boxes of many pictures."""

from __future__ import annotations

from graft.boxes import Box, LabelledBox
from services.trainer.data.boxes import box_counts, warnings_about_boxes


def one(label: str, side: float = 20.0, *, crowd: bool = False) -> LabelledBox:
    return LabelledBox(label, Box(0, 0, side, 20), crowd)


def test_crowds_are_not_counted_but_their_labels_are_named() -> None:
    pictures = [(one("cat"), one("cat", 30), one("dog", crowd=True)), (), (one("cat"),)]
    assert box_counts(pictures) == {"cat": 3, "dog": 0}


def test_good_boxes_get_no_warning_with_one_label_or_two() -> None:
    assert warnings_about_boxes([(one("cat"),)] * 5) == []
    assert warnings_about_boxes([(one("cat"), one("dog"))] * 5 + [()]) == []


def test_few_rare_and_tiny_boxes_get_a_warning() -> None:
    pictures = [(one("cat"),)] * 30 + [(one("dog", 7.5),)] * 2 + [(one("cow", crowd=True),)]
    few, rare, tiny = warnings_about_boxes(pictures)
    assert few.startswith("2 labels have fewer than 5 boxes (cow: 0, dog: 2)")
    assert "has 30 boxes and the rarest 0" in rare
    assert tiny.startswith("2 of 32 boxes are narrower or lower than 8 pixels")
