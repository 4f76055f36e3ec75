"""What is told of the boxes of many pictures."""

from __future__ import annotations

import pytest

from graft.boxes import Box, LabelledBox
from services.trainer.data.boxes import box_counts, same_things, warnings_about_boxes


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


def drawn(*boxes: tuple[str, float, float], crowd: bool = False) -> list[LabelledBox]:
    """Boxes of 20 x 20."""
    return [LabelledBox(label, Box(left, top, 20, 20), crowd) for label, left, top in boxes]


HAND = drawn(("cat", 0, 0), ("cat", 100, 0), ("dog", 0, 0))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (HAND, True),
        (drawn(("cat", 98, 3), ("cat", 2, 1), ("dog", 1, 1)), True),
        (drawn(("cat", 0, 0), ("cat", 15, 0), ("dog", 0, 0)), False),  # one at another place
        (drawn(("cat", 0, 0), ("cat", 2, 0), ("dog", 0, 0)), False),  # both at one place
        (drawn(("cat", 0, 0), ("cat", 100, 0)), False),
        (drawn(("cat", 0, 0), ("dog", 100, 0), ("dog", 0, 0)), False),
        ([*HAND, *drawn(("cow", 50, 50))], False),
        ([*HAND[:2], *drawn(("dog", 0, 0), crowd=True)], False),
        ([], False),
    ],
)
def test_two_drawings_of_the_same_things_agree(other: list[LabelledBox], same: bool) -> None:
    assert same_things(HAND, other) == same
    assert same_things(other, HAND) == same


def test_nothing_agrees_with_nothing() -> None:
    assert same_things([], [])
