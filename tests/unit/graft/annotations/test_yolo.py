from __future__ import annotations

from pathlib import Path

import pytest

from graft import Box, read_examples
from tests.support.drawn import boxes, problems, put, refused, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "images/a.jpg", "images/b.png", "images/notes.md")
    write(tmp_path, "labels/a.txt", "1 0.5 0.5 0.25 0.5\n\n0 0.125 0.25 0.25 0.5\n")
    write(tmp_path, "labels/b.txt", "")
    write(tmp_path, "data.yaml", "names: [cat, dog]\n")
    return tmp_path


def test_boxes_of_a_folder(root: Path) -> None:
    first, second = read_examples(root).examples
    assert (first.path, first.source) == ("a.jpg", root / "images" / "a.jpg")
    assert boxes(first) == [("dog", Box(0.375, 0.25, 0.25, 0.5)), ("cat", Box(0, 0, 0.25, 0.5))]
    assert first.drawing is not None
    assert first.drawing.relative
    assert [one.origin for one in first.drawing.boxes] == ["a.txt line 1", "a.txt line 3"]
    assert boxes(second) == []


@pytest.mark.parametrize(
    "text",
    [
        "path: ../x\nnc: 2\nnames: ['cat', \"dog\"]  # two\n",
        "names:\n- cat\n- dog\n",
        "names:\n  0: cat\n  1: dog\ntrain: images\n",
        "names: {1: dog, 0: 'cat'}",
    ],
)
def test_the_ways_people_write_names(root: Path, text: str) -> None:
    write(root, "data.yaml", text)
    assert [label for label, _ in boxes(read_examples(root).examples[0])] == ["dog", "cat"]


@pytest.mark.parametrize("place", ["classes.txt", "labels/classes.txt", "../classes.txt"])
def test_names_may_stand_in_a_file_of_lines(tmp_path: Path, root: Path, place: str) -> None:
    inner = tmp_path / "inner"
    put(inner, "images/a.jpg")
    write(inner, "labels/a.txt", "1 0.5 0.5 0.25 0.5")
    (root / "data.yaml").unlink()
    write(inner, place, "cat \ndog\n")
    assert [label for label, _ in boxes(read_examples(inner).examples[0])] == ["dog"]


def test_the_pictures_of_a_part_are_named_by_its_folder(tmp_path: Path) -> None:
    put(tmp_path, "images/train/a.jpg", "images/val/b.jpg")
    write(tmp_path, "labels/train/a.txt", "0 0.5 0.5 0.25 0.5")
    write(tmp_path, "data.yaml", "names: [cat]")
    why = refused(tmp_path)
    assert "images has parts; name the one that is meant, such as " in why
    assert "Received: 'train', 'val'" in why
    (example,) = read_examples(tmp_path / "images" / "train").examples
    assert example.path == "a.jpg"
    assert len(boxes(example)) == 1


def test_a_picture_without_a_file_shows_nothing_and_a_file_without_a_picture_is_told(
    root: Path,
) -> None:
    (root / "labels" / "b.txt").unlink()
    write(root, "labels/c.txt", "0 0.5 0.5 0.25 0.5")
    found = read_examples(root)
    assert boxes(found.examples[1]) == []
    assert found.warnings == (
        "1 picture has no file in labels and counts as showing nothing",
        "1 file in labels without a picture left out ('c.txt')",
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 0.5 0.5 0.1 0.1", "there is no class of this number among the names"),
        ("-1 0.5 0.5 0.1 0.1", "there is no class of this number"),
        ("cat 0.5 0.5 0.1 0.1", "there is no class of this number"),
        ("1.0 0.5 0.5 0.1 0.1", "there is no class of this number"),
        ("0 0.5 0.5 0.1", "5 numbers are wanted: class, centre x"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2", "5 numbers are wanted"),
        ("0 half 0.5 0.1 0.1", "the centre x is to be a share, 0 to 1"),
        ("0 0.5 320 0.1 0.1", "the centre y is to be a share, 0 to 1"),
        ("0 0.5 0.5 nan 0.1", "the width is to be a share, 0 to 1"),
        ("0 0.5 0.5 0 0.1", "it has no area"),
        ("0 0.5 0.5 0.1 -0.1", "its corners are swapped"),
    ],
)
def test_a_bad_line_refuses_its_picture(root: Path, line: str, words: str) -> None:
    write(root, "labels/a.txt", f"1 0.5 0.5 0.25 0.5\n{line}\n")
    told = problems(read_examples(root))
    assert list(told) == ["a.jpg"]
    assert told["a.jpg"].startswith("a.txt line 2")
    assert words in told["a.jpg"]


def test_a_file_that_is_no_text_refuses_its_picture(root: Path) -> None:
    (root / "labels" / "a.txt").write_bytes(b"\xff\xfe1 0.5")
    assert "is not UTF-8" in problems(read_examples(root))["a.jpg"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names: [cat", "is no YAML"),
        ("nc: 2", "'names' is to be a list, or numbers with names. Received: None"),
        ("names: 2", "Received: 2"),
        ("names: {cat: 0}", "Received: {'cat': 0}"),
        ("names: []", "Received: []"),
        ("names: [yes, no]", "the name of the class 0 is no text; put it in quotes"),
        ("names: !!python/object/apply:os.system [ls]", "is no YAML"),
    ],
)
def test_names_that_are_none_are_an_error(root: Path, text: str, words: str) -> None:
    write(root, "data.yaml", text)
    assert words in refused(root)


def test_without_names_nothing_is_read(root: Path) -> None:
    (root / "data.yaml").unlink()
    assert "put data.yaml or classes.txt beside labels" in refused(root)


def test_without_pictures_nothing_is_read(tmp_path: Path) -> None:
    put(tmp_path, "images/readme.md", "labels/a.txt", "classes.txt")
    assert "holds no pictures" in refused(tmp_path)


def test_a_folder_of_classes_with_such_names_is_one(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "labels/b.png")
    assert [one.labels for one in read_examples(tmp_path).examples] == [("images",), ("labels",)]
