from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from services.trainer.data import rows
from services.trainer.data.rows import ACCEPTED, REJECTED, SEVERAL, Part, Row, sort_out, summarise


def row(content: str, label: str, path: str = "", *, verdict: str = ACCEPTED) -> Row:
    key = hashlib.sha256(content.encode()).digest()
    detail = str(len(content)) if verdict == ACCEPTED else "it is broken"
    image = Part(key) if verdict == ACCEPTED else None
    return Row(key, path or f"{label}/{content}", (label,), verdict, detail, image)


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


def test_files_of_several_pictures_are_named_in_a_warning() -> None:
    plain = [row(str(n), f"c{n % 2}") for n in range(20)]
    moving = [replace(one, detail=f"{one.detail} {SEVERAL}") for one in plain[:7]]
    assert not summarise(plain, sort_out(plain)).warnings
    mixed = [*moving, *plain[7:]]
    (told,) = summarise(mixed, sort_out(mixed)).warnings
    assert told.startswith("7 files hold more than one picture")
    assert "'c0/0', 'c1/1', 'c0/2', 'c1/3', 'c0/4', ..." in told
    assert not summarise(mixed, sort_out(mixed), since=7).warnings


def test_a_summary_counts_and_names() -> None:
    all_rows = [
        row("1", "cat", "a.jpg"),
        row("1", "cat", "b.jpg"),
        row("2", "cat", "c.jpg"),
        row("2", "dog", "d.jpg"),
        row("3", "dog", "e.jpg", verdict=REJECTED),
        row("4", "dog", "f.jpg"),
    ]
    summary = summarise(all_rows, sort_out(all_rows))
    assert summary.example_count == 2
    assert (summary.rejected_count, summary.duplicate_count, summary.conflict_count) == (1, 1, 2)
    told = {issue.path: issue.message for issue in summary.issues}
    assert told["e.jpg"] == "it is broken"
    assert "'a.jpg'" in told["b.jpg"]
    assert "two labels" in told["c.jpg"]
    assert "'c.jpg', 'cat'" in told["d.jpg"]


def test_a_summary_of_an_import_tells_of_its_own_rows_only() -> None:
    all_rows = [row("1", "cat", verdict=REJECTED), row("2", "cat"), row("2", "cat")]
    summary = summarise(all_rows, sort_out(all_rows), since=1)
    assert (summary.example_count, summary.rejected_count, summary.duplicate_count) == (1, 0, 1)


def test_the_same_bytes_under_other_labels_are_a_conflict_however_many_they_are() -> None:
    def several(content: str, *labels: str) -> Row:
        return replace(row(content, "x"), labels=labels)

    all_rows = [several("1", "a", "b"), several("1", "a"), several("2", "a", "b"), several("2")]
    all_rows += [several("3"), several("3"), several("4", "b")]
    found = sort_out(all_rows)
    assert found.multi_label
    assert (found.used, found.duplicates, found.conflicts) == ((4, 6), (5,), (0, 1, 2, 3))
    assert rows.label_counts(all_rows, found) == {"b": 1}
    told = summarise(all_rows, found).issues[1]
    assert "under different labels (first as 'x/1', 'a', 'b')" in told.message
    assert list(told.labels) == ["a"]


def test_issues_are_bounded_and_the_serious_ones_come_first() -> None:
    copies = [row("1", "cat", f"copy{n}") for n in range(150)]
    all_rows = [*copies, row("2", "dog", "torn"), row("2", "cat", "torn too")]
    summary = summarise(all_rows, sort_out(all_rows))
    assert len(summary.issues) == rows.MAX_ISSUES
    assert [issue.path for issue in summary.issues[:2]] == ["torn", "torn too"]
    assert summary.duplicate_count == 149


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
    text = " | ".join(rows.warnings_about(counts))
    assert all(word in text for word in words), text


def test_a_good_data_set_gets_no_warning() -> None:
    assert rows.warnings_about({"cat": 20, "dog": 30}) == []
