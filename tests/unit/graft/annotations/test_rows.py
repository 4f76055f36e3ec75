from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft import Box, Url, read_examples
from tests.support.drawn import boxes, problems, put, refused, write

HEADER = "path,label,x,y,w,h\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, "a.png", "in/b.png", "c.png")
    return tmp_path


def test_a_row_is_a_box_and_one_without_shows_nothing(folder: Path) -> None:
    text = "a.png,cat,1,2,3.5,4\nin/b.png,,,,,\na.png,dog,5,6,7,8\n"
    found = read_examples(write(folder, "m.csv", HEADER + text))
    first, second = found.examples
    assert (first.path, first.source) == ("a.png", folder / "a.png")
    assert boxes(first) == [("cat", Box(1, 2, 3.5, 4)), ("dog", Box(5, 6, 7, 8))]
    assert first.drawing is not None
    origins = [one.origin for one in first.drawing.boxes]
    assert origins == ["m.csv row 1 (line 2)", "m.csv row 3 (line 4)"]
    assert (second.path, boxes(second)) == ("in/b.png", [])


def test_jsonl_is_the_same(folder: Path) -> None:
    rows = [
        {"path": "in/b.png"},
        {"path": "a.png", "label": "cat", "x": 1, "y": 2, "w": 3.5, "h": 4},
        {"path": "c.png", "label": None, "x": None, "y": None, "w": None, "h": None},
        {"path": "a.png", "label": 7, "x": "5", "y": 6, "w": 7, "h": 8},
    ]
    text = "\n".join(map(json.dumps, rows))
    found = {one.path: boxes(one) for one in read_examples(write(folder, "m.jsonl", text)).examples}
    assert found == {
        "in/b.png": [],
        "a.png": [("cat", Box(1, 2, 3.5, 4)), ("7", Box(5, 6, 7, 8))],
        "c.png": [],
    }


def test_urls_have_boxes_too(folder: Path) -> None:
    text = "url,label,x,y,w,h\nhttps://example.com/a.png,cat,1,2,3,4\nftp://x/b.png,cat,1,2,3,4\n"
    found = read_examples(write(folder, "m.csv", text))
    assert found.examples[0].source == Url("https://example.com/a.png")
    assert "column 'url'" in problems(found)["ftp://x/b.png"]


def test_a_missing_file_is_its_own_problem(folder: Path) -> None:
    path = write(folder, "m.csv", HEADER + "gone.png,cat,1,2,3,4\na.png,cat,1,2,3,4\n")
    assert problems(read_examples(path)) == {
        "gone.png": "there is no file gone.png. Received: 'gone.png'"
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.png,cat,1,2,-3,4", "its corners are swapped"),
        ("a.png,cat,1,2,3,0", "it has no area"),
        ("a.png,cat,1,2,inf,4", "no finite number"),
        ("a.png,cat,1,2,wide,4", "'cat', column 'w': a number is wanted; correct or remove it."),
        ("a.png,cat,1,2,,4", "'cat', column 'w': a number is wanted"),
        ("a.png,cat,,,,", "'cat', column 'x': a number is wanted"),
        ("a.png,,1,2,3,4", "a box without a label"),
        (f"a.png,{'x' * 201},1,2,3,4", "a label has at most 200 bytes"),
    ],
)
def test_a_bad_row_refuses_its_picture(folder: Path, row: str, words: str) -> None:
    text = f"{HEADER}a.png,cat,1,2,3,4\n{row}\nc.png,cat,1,2,3,4\n"
    told = problems(read_examples(write(folder, "m.csv", text)))
    assert list(told) == ["a.png"]
    assert told["a.png"].startswith("m.csv row 2 (line 3)")
    assert words in told["a.png"]


def test_a_picture_cannot_show_nothing_and_something(folder: Path) -> None:
    path = write(folder, "m.csv", HEADER + "a.png,,,,,\na.png,cat,1,2,3,4\n")
    (why,) = problems(read_examples(path)).values()
    assert "row 1 (line 2): it says that a.png shows nothing: row 2 (line 3) boxes" in why


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,labels,x,y,w,h\na.png,cat,1,2,3,4\n", "column 'labels' goes with no boxes"),
        ("text,label,x,y,w,h\nhello,cat,1,2,3,4\n", "column 'text' goes with no boxes"),
        (HEADER + ",cat,1,2,3,4\n", "row 1 (line 2), column 'path': a text is wanted"),
        (HEADER, "has no rows"),
        ("path,label,x,y,w,h,x\na.png,cat,1,2,3,4,5\n", "the column 'x' stands twice"),
    ],
)
def test_rows_that_name_no_picture_are_an_error(folder: Path, text: str, words: str) -> None:
    assert words in refused(write(folder, "m.csv", text))


def test_without_all_four_sides_a_table_is_of_labels(folder: Path) -> None:
    path = write(folder, "m.csv", "path,label,x,y\na.png,cat,1,2\n")
    found = read_examples(path)
    assert not found.boxed
    assert found.examples[0].labels == ("cat",)
