from __future__ import annotations

from dataclasses import replace

from graft.boxes import Box, LabelledBox
from services.trainer.data.rows import (
    BOTH,
    IMAGE,
    REJECTED,
    TEXT,
    Part,
    Row,
    label_counts,
    sort_out,
)
from tests.support.rows import row


def test_each_content_is_used_once() -> None:
    found = sort_out([row("1", "cat"), row("2", "cat"), row("1", "cat"), row("3", "dog")])
    assert (found.used, found.duplicates) == ((0, 1, 3), (2,))


def test_bytes_under_two_labels_are_left_out_altogether() -> None:
    found = sort_out([row("1", "cat"), row("1", "dog"), row("1", "cat"), row("2", "cat")])
    assert (found.used, found.conflicts, found.duplicates) == ((3,), (0, 1, 2), ())


def test_a_rejected_file_neither_conflicts_nor_hides_a_good_one() -> None:
    found = sort_out([row("1", "", verdict=REJECTED), row("1", "cat")])
    assert (found.used, found.rejected) == ((1,), (0,))


def test_every_row_is_on_exactly_one_pile() -> None:
    all_rows = [row(str(n % 4), f"c{n % 3}") for n in range(12)]
    found = sort_out([*all_rows, row("x", "c0", verdict=REJECTED)])
    numbers = [*found.used, *found.rejected, *found.duplicates, *found.conflicts]
    assert sorted(numbers) == list(range(13))


def test_the_same_bytes_under_other_labels_are_a_conflict_however_many_they_are() -> None:
    def several(content: str, *labels: str) -> Row:
        return replace(row(content, "x"), labels=labels)

    all_rows = [several("1", "a", "b"), several("1", "a"), several("2", "a", "b"), several("2")]
    all_rows += [several("3"), several("3"), several("4", "b")]
    found = sort_out(all_rows)
    assert found.multi_label
    assert (found.used, found.duplicates, found.conflicts) == ((4, 6), (5,), (0, 1, 2, 3))
    assert label_counts(all_rows, found) == {"b": 1}


def test_one_row_of_an_image_and_a_text_makes_room_for_either() -> None:
    image, text = row("1", "cat"), row("2", "dog")
    text = replace(text, image=None, text=Part(text.key))
    both = replace(row("3", "cat"), text=Part(text.key))
    found = sort_out([image, text])
    assert (found.modality, found.used, found.rejected) == (IMAGE, (0,), (1,))
    found = sort_out([text, image])
    assert (found.modality, found.used, found.rejected) == (TEXT, (0,), (1,))
    for some in ([image, text, both], [both, text, image]):
        found = sort_out(some)
        assert (found.modality, found.used) == (BOTH, (0, 1, 2))


def test_boxes_are_of_images_alone() -> None:
    both = replace(row("1", "cat"), text=Part(bytes(32)))
    boxed = replace(row("2", "cat"), boxes=(LabelledBox("cat", Box(0, 0, 1, 1)),))
    for some in ([both, boxed], [boxed, both]):
        found = sort_out(some)
        assert (found.modality, found.boxed, len(found.used)) == (IMAGE, True, 1)


def test_labels_of_what_does_not_fit_do_not_count() -> None:
    text = row("2", "dog")
    text = replace(text, image=None, text=Part(text.key), labels=("a", "b"))
    assert not sort_out([row("1", "cat"), text]).multi_label
