"""What a person should read beside the numbers of a search."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.data.split import stratified_folds
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.held_out import HeldOut
from services.trainer.search.notes import notes_on
from services.trainer.search.rounds import MIN_TO_COMPARE


def _notes(counts: list[int], *, measured: int | None = None, untried: int = 0) -> tuple[str, ...]:
    """Of classes a, b, c... with these numbers of examples, `measured` of which were."""
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.ones((len(y), 2), np.float32)
    labels = tuple("abcdefghij"[: len(counts)])
    plan = stratified_folds(y)
    items = np.setdiff1d(np.arange(len(y)), plan.never_tested)[:measured]
    empty = np.zeros((1, len(items), len(counts)), np.float32)
    held_out = HeldOut(items, empty, np.zeros((1, len(items)), np.int64), 0.8)
    return notes_on(Bank({DEFAULT: x}, y, labels, np.arange(len(y))), plan, held_out, untried)


def test_good_examples_need_no_words() -> None:
    assert _notes([10, 12, 90]) == ()


@pytest.mark.parametrize(("few", "said"), [(MIN_TO_COMPARE - 1, True), (MIN_TO_COMPARE, False)])
def test_classes_too_small_to_compare_heads_are_told(few: int, said: bool) -> None:
    assert any("fewer than 3 examples" in note for note in _notes([few, few, 9])) == said


def test_classes_that_were_never_held_out_are_named_and_the_first_five_only() -> None:
    (note,) = [n for n in _notes([8, 1, 1, 5]) if "never held out" in n]
    assert note.startswith("2 of 4 classes have a single example (b, c):")
    (note,) = [n for n in _notes([8, *[1] * 7]) if "never held out" in n]
    assert note.startswith("7 of 8 classes have a single example (b, c, d, e, f and others):")


@pytest.mark.parametrize(("large", "said"), [(30, True), (29, False)])
def test_very_unequal_classes_are_told_with_their_counts(large: int, said: bool) -> None:
    notes = _notes([5, 3, large])
    assert (notes != ()) == said
    assert all(note.startswith("c has 30 examples and b has 3:") for note in notes)


def test_a_measured_part_is_told() -> None:
    assert _notes([10, 12], measured=7) == (
        "Accuracy was measured on 7 examples drawn at random of 22.",
    )
    assert _notes([10, 12], measured=22) == ()


def test_what_was_not_tried_is_counted() -> None:
    assert _notes([10, 12], untried=9) == (
        "9 candidates would have taken too long and were not tried.",
    )
