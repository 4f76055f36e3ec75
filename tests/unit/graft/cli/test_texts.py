"""The command line on texts, and on examples of several labels."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.command import Run
from tests.support.fake_suite import FakeSuite

ROWS = "text,label\nthe red door,warm\na red car,warm\nthe blue sea,cold\nblue ice,cold\n"


@pytest.fixture
def hues(up: Run, tmp_path: Path) -> Run:
    path = tmp_path / "hues.csv"
    path.write_text(ROWS)
    done = up("train", path, "--model", "hues")
    assert done.code == 0, done.err
    assert "4 examples of 2 classes: texts" in done.err
    return up


def test_texts_are_given_as_they_are(hues: Run) -> None:
    done = hues("predict", "hues", "--text", "one red apple", "a//b blue")
    assert done.code == 0
    assert [line.split()[-2] for line in done.out.splitlines()[1:]] == ["warm", "cold"]
    done = hues("predict", "hues", "--text", "a//b blue", "--json")
    assert (done.document["input"], done.document["label"]) == ("a//b blue", "cold")


def test_text_files_and_folders_of_them_are_read_as_texts(hues: Run, tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "a.txt").write_text("red")
    (root / "b.txt").write_bytes(b"\xef\xbb\xbfblue")
    (root / "c.md").write_text("blue")
    done = hues("predict", "hues", root, root / "b.txt", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [(Path(one["input"]).name, one["label"]) for one in told] == [
        ("a.txt", "warm"),
        ("b.txt", "cold"),
        ("b.txt", "cold"),
    ]


def test_standard_input_is_a_text_a_line(hues: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = io.TextIOWrapper(io.BytesIO("red wine\r\n\n  \nblue Grüße".encode()))
    monkeypatch.setattr(sys, "stdin", typed)
    done = hues("predict", "hues", "-", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [(one["input"], one["label"]) for one in told] == [
        ("red wine", "warm"),
        ("blue Grüße", "cold"),
    ]


@pytest.mark.parametrize(
    ("typed", "told"), [(b" \n", "no line that is not blank"), (b"caf\xe9\n", "is not UTF-8")]
)
def test_bad_standard_input_is_refused(
    hues: Run, monkeypatch: pytest.MonkeyPatch, typed: bytes, told: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
    done = hues("predict", "hues", "-")
    assert (done.code, done.out) == (1, "")
    assert told in done.err


def test_a_text_taken_for_a_file_is_told_of_the_option(hues: Run) -> None:
    done = hues("predict", "hues", "where is my card")
    assert done.code == 1
    assert "there is no file where is my card" in done.err
    assert "--text" in done.err


def test_a_text_that_is_too_long_or_no_utf8_is_its_own_error(hues: Run, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("x" * (10 << 20))
    (tmp_path / "odd.txt").write_bytes(b"caf\xe9")
    (tmp_path / "good.txt").write_text("red")
    files = [tmp_path / name for name in ("long.txt", "odd.txt", "good.txt")]
    done = hues("predict", "hues", *files, "--json")
    long, odd, good = (json.loads(line) for line in done.out.splitlines())
    assert long["error"]["reason"] == "TEXT_TOO_LARGE"
    assert "1048576 bytes" in long["error"]["message"]
    assert "odd.txt line 1 is not UTF-8" in odd["error"]["message"]
    assert good["label"] == "warm"


def test_a_label_that_training_never_saw_is_told_by_its_row(hues: Run, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("text,label\nred hat,warm\nred?,odd\n,cold\nblue hat,cold\nblue?,odd\n")
    done = hues("evaluate", "hues", path, "--json")
    assert done.code == 0
    told = done.document
    assert (told["count"], told["unseen_labels"]) == (2, {"odd": 2})
    assert told["unseen_paths"] == {"odd": "test.csv row 2 (line 3)"}
    assert list(told["problems"]) == ["test.csv row 3 (line 4)"]
    assert "'odd' (2, first test.csv row 2 (line 3))" in done.err
    assert "test.csv row 3 (line 4), column 'text': the text is blank" in done.err


def test_a_bad_row_is_told_by_row_and_column_and_the_others_are_taken(
    up: Run, tmp_path: Path, suite: FakeSuite
) -> None:
    path = tmp_path / "hues.csv"
    path.write_text(ROWS + ",cold\n")
    done = up("train", path, "--model", "hues")
    assert done.code == 0
    assert "4 examples of 2 classes: texts" in done.err
    assert "1 example rejected" in done.err
    assert "  hues.csv row 5 (line 6), column 'text': the text is blank" in done.err
    sent = suite.world.imports[0].examples
    assert sent[0].content.text == "the red door"


def test_an_image_and_its_words_are_asked_about_as_one(
    up: Run, tmp_path: Path, suite: FakeSuite
) -> None:
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "red.png")
    path = tmp_path / "posts.csv"
    path.write_text("path,text,label\nred.png,red,warm\n,blue,cold\nred.png,,warm\n,,cold\n")
    done = up("train", path, "--model", "posts")
    assert "3 examples of 2 classes: images with texts" in done.err
    assert "posts.csv row 4 (line 5), columns 'path' and 'text': all are blank" in done.err
    assert "3 examples of images with texts, one label" in up("datasets", "show", "posts").out
    done = up("predict", "posts", tmp_path / "red.png", "--words", "blue sky", "--json")
    assert done.code == 0
    assert done.document["input"] == str(tmp_path / "red.png")
    asked = suite.world.asked[-1]
    assert (asked.HasField("image"), asked.text) == (True, "blue sky")
    shown = up("models", "show", "posts").out
    assert "on backbones/fake (cut + default)" in shown
    assert "and on backbones/words (default) for the texts" in shown


def test_words_stand_beside_one_image(hues: Run, tmp_path: Path) -> None:
    for wrong in (["a.png", "b.png"], ["-"], [tmp_path], ["a.png", "--text"]):
        done = hues("predict", "hues", *wrong, "--words", "hello")
        assert done.code == 1
        assert "--words stand beside one INPUT, an image file" in done.err
    done = hues("predict", "hues", "a.png", "--words", " ")
    assert (done.code, "--words are blank" in done.err) == (1, True)


def test_data_sets_tell_what_they_are_of(up: Run, tmp_path: Path) -> None:
    path = tmp_path / "tags.jsonl"
    path.write_text('{"text": "red", "labels": ["a", "b"]}\n{"text": "blue", "labels": []}\n')
    done = up("train", path, "--model", "tags")
    assert "2 examples of 2 classes: texts, any number of labels an example" in done.err
    assert (
        "version 1: 2 examples of texts, any number of labels" in up("datasets", "show", "tags").out
    )
    told = up("datasets", "show", "tags", "--json").document
    assert (told["modality"], told["multi_label"]) == ("text", True)
    assert "texts, any number of labels" in up("datasets", "list").out
