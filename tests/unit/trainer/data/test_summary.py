"""What is told of a data set: counts, issues, warnings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.trainer.data import summary
from services.trainer.data.rows import REJECTED, SEVERAL, sort_out
from services.trainer.data.summary import summarise, warning_of_copies
from tests.support.rows import row


def test_files_of_several_pictures_are_named_in_a_warning() -> None:
    plain = [row(str(n), f"c{n % 2}") for n in range(20)]
    moving = [replace(one, detail=f"{one.detail} {SEVERAL}") for one in plain[:7]]
    assert not summarise(plain, sort_out(plain)).warnings
    mixed = [*moving, *plain[7:]]
    (told,) = summarise(mixed, sort_out(mixed)).warnings
    assert told.startswith("7 files hold more than one picture")
    assert "'c0/0', 'c1/1', 'c0/2', 'c1/3', 'c0/4', ..." in told
    assert not summarise(mixed, sort_out(mixed), since=7).warnings


def test_labels_of_copies_alone_are_named_with_their_counts() -> None:
    told = warning_of_copies({"cat": 30})
    assert told.startswith("all 30 examples of cat look like copies of one; they were held out")
    assert "its figures may be far too good: add others" in told
    told = warning_of_copies({"cat": 30, "{dog}": 4})
    assert told.startswith("all examples of each of 2 classes look like copies of one ({dog}: 4, c")
    assert "their figures" in told


def test_a_summary_counts_and_names() -> None:
    all_rows = [
        row("1", "cat", "a.jpg"),
        row("1", "cat", "b.jpg"),
        row("2", "cat", "c.jpg"),
        row("2", "dog", "d.jpg"),
        row("3", "dog", "e.jpg", verdict=REJECTED),
        row("4", "dog", "f.jpg"),
    ]
    found = summarise(all_rows, sort_out(all_rows))
    assert found.example_count == 2
    assert (found.rejected_count, found.duplicate_count, found.conflict_count) == (1, 1, 2)
    told = {issue.path: issue.message for issue in found.issues}
    assert told["e.jpg"] == "it is broken"
    assert "'a.jpg'" in told["b.jpg"]
    assert "two labels" in told["c.jpg"]
    assert "'c.jpg', 'cat'" in told["d.jpg"]


def test_a_summary_of_an_import_tells_of_its_own_rows_only() -> None:
    all_rows = [row("1", "cat", verdict=REJECTED), row("2", "cat"), row("2", "cat")]
    found = summarise(all_rows, sort_out(all_rows), since=1)
    assert (found.example_count, found.rejected_count, found.duplicate_count) == (1, 0, 1)


def test_issues_are_bounded_and_the_serious_ones_come_first() -> None:
    copies = [row("1", "cat", f"copy{n}") for n in range(150)]
    all_rows = [*copies, row("2", "dog", "torn"), row("2", "cat", "torn too")]
    found = summarise(all_rows, sort_out(all_rows))
    assert len(found.issues) == summary.MAX_ISSUES
    assert [issue.path for issue in found.issues[:2]] == ["torn", "torn too"]
    assert found.duplicate_count == 149


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, ["no usable example"]),
        ({"cat": 9}, ["only one class, 'cat'"]),
        ({"cat": 9, "dog": 4}, ["1 class has fewer than 5 examples (dog: 4)"]),
        (
            {f"c{n}": 1 for n in range(7)} | {"big": 6},
            ["7 classes have fewer", "c0: 1, c1: 1, c2: 1, c3: 1, c4: 1, ..."],
        ),
        ({"cat": 100, "dog": 10}, ["largest class has 100 examples and the smallest 10"]),
    ],
)
def test_warnings_name_what_is_there(counts: dict[str, int], words: list[str]) -> None:
    text = " | ".join(summary.warnings_about(counts))
    assert all(word in text for word in words), text


def test_a_good_data_set_gets_no_warning() -> None:
    assert summary.warnings_about({"cat": 20, "dog": 30}) == []


def test_labels_that_stand_beside_each_other_need_not_be_balanced() -> None:
    counts = {"common": 200, "rare": 10}
    assert "the largest class has 200" in summary.warnings_about(counts)[0]
    assert not summary.warnings_about(counts, several=True)


def test_the_same_bytes_under_other_labels_are_told_with_the_first() -> None:
    all_rows = [replace(row("1", "x"), labels=("a", "b")), replace(row("1", "x"), labels=("a",))]
    told = summarise(all_rows, sort_out(all_rows)).issues[1]
    assert "under different labels (first as 'x/1', 'a', 'b')" in told.message
    assert list(told.labels) == ["a"]
