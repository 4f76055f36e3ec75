"""`graft predict`: a table for people, a line of JSON an input for scripts."""

from __future__ import annotations

import json
import os
from pathlib import Path

from graft import Prediction
from graft.cli.predict import document, told
from tests.support.command import Run


def test_predict_prints_a_table(trained: Run, images: Path) -> None:
    done = trained("predict", "hues", images / "red", images / "green" / "1.png")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["input", "label", "score", "unknown"]
    assert [line[1] for line in lines[1:]] == ["red", "red", "red", "green"]


def test_predict_as_the_contract_has_it(trained: Run, images: Path) -> None:
    bad, gone = images / "bad.png", images / "gone.png"
    bad.write_bytes(b"no image")
    good = images / "red" / "0.png"
    done = trained("predict", "hues@live", good, bad, gone, good, "--json")
    assert done.code == 1
    first, second, third, fourth = (json.loads(line) for line in done.out.splitlines())
    assert set(first) == {"input", "label", "score", "unknown", "scores", "version"}
    assert first == fourth
    assert (first["input"], first["label"], first["version"]) == (str(good), "red", 1)
    assert first["scores"]["red"] == first["score"]
    assert second["error"]["reason"] == "IMAGE_UNDECODABLE"
    assert str(bad) in second["error"]["message"]
    assert third["error"]["reason"] == "NOT_FOUND"
    assert "2 of 4 inputs" in done.err


def test_a_file_name_cannot_speak_to_the_terminal(trained: Run, images: Path) -> None:
    good = images / "red" / "0.png"
    odd = images / "red" / "a\x1b[31m\nb.png"
    odd.write_bytes(good.read_bytes())
    bad = images / "c\x1b]0;title\x07.png"
    bad.write_bytes(b"no image")
    done = trained("predict", "hues", odd, bad)
    assert "a\\x1b[31m\\nb.png" in done.out
    assert "c\\x1b]0;title\\x07.png" in done.err
    assert not {"\x1b", "\x07"} & {*done.out, *done.err}
    assert json.loads(trained("predict", "hues", odd, "--json").out)["input"] == str(odd)


def test_what_is_no_file_is_named_as_it_was_typed(trained: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    done = trained("predict", "hues", tmp_path / "pipe.png")
    assert f"{tmp_path}/pipe.png is no file. Received: '{tmp_path}/pipe.png'" in done.err


def test_predict_of_an_empty_folder_or_unknown_model(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no images or .txt files" in trained("predict", "hues", tmp_path / "empty").err
    done = trained("predict", "nobody", __file__)
    assert (done.code, done.out) == (1, "")
    assert "models/nobody" in done.err


def test_all_labels_that_an_item_bears_are_told() -> None:
    scores = {"dog": 0.9, "cat": 0.6, "sofa": 0.1}
    version = "projects/p/models/m/versions/1"
    both = Prediction("dog", 0.9, False, scores, version, ("dog", "cat"))
    assert told(both) == ("dog, cat", "0.900, 0.600")
    assert document("a.jpg", both)["labels"] == ("dog", "cat")
    none = Prediction("dog", 0.3, False, {"dog": 0.3}, version, ())
    assert told(none) == ("(no label)", "")
    one = Prediction("dog", 0.9, False, scores, version)
    assert told(one) == ("dog", "0.900")
    assert "labels" not in document("a.jpg", one)
