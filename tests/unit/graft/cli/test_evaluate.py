"""`graft evaluate` and `graft report`: how good a model is, measured and as its report says."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.support.command import Run
from tests.support.fake_suite import FakeSuite


def test_evaluate_as_the_contract_has_it(trained: Run, images: Path) -> None:
    (images / "blue").mkdir()
    Image.new("RGB", (8, 8), (0, 0, 200)).save(images / "blue" / "0.png")
    (images / "red" / "bad.png").write_bytes(b"no image")
    done = trained("evaluate", "hues", images, "--json")
    assert done.code == 0
    told = done.document
    assert {"accuracy", "macro_f1", "log_loss", "ece", "per_class", "count", "unknown"} <= set(told)
    assert (told["accuracy"], told["macro_f1"], told["count"]) == (1.0, 1.0, 6)
    assert told["per_class"]["red"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "count": 3}
    assert told["unseen_labels"] == {"blue": 1}
    assert list(told["problems"]) == ["red/bad.png"]
    assert "not trained on" in done.err
    assert "red/bad.png" in done.err
    assert "accuracy 100.0%" in trained("evaluate", "hues", images).out


def test_evaluate_tells_of_examples_that_were_trained_on(trained: Run, images: Path) -> None:
    Image.new("RGB", (8, 8), (250, 1, 2)).save(images / "red" / "fresh.png")
    done = trained("evaluate", "hues", images, "--json")
    assert "red/fresh.png" not in done.document["leaks"]
    assert done.document["leaks"]["red/0.png"] == "red/0.png"
    assert "which the model was trained on" in done.err
    assert "too good" in done.err


def test_evaluate_says_when_nobody_looked_for_leaks(
    trained: Run, images: Path, suite: FakeSuite
) -> None:
    suite.world.data.clear()
    suite.world.datasets.clear()
    done = trained("evaluate", "hues", images, "--json")
    assert done.code == 0
    assert done.document["leaks"] == {}
    assert "nobody looked whether the model was trained on these examples" in done.err


def test_report_as_data_page_and_words(trained: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = trained("report", "hues", "--html", page, "--json")
    assert done.document["model_version"] == "projects/default/models/hues/versions/1"
    assert done.document["accuracy"]["low"] == 0.8
    assert page.read_text(encoding="utf-8") == "<html>ü</html>"
    assert "by cross-validation on 4" in trained("report", "hues/1").out
    done = trained("report", "hues", "--html", tmp_path / "no" / "folder.html")
    assert done.code == 1
    assert "cannot write" in done.err


def test_a_report_without_an_accuracy_says_so_and_names_no_method(
    trained: Run, suite: FakeSuite
) -> None:
    suite.world.report_accuracy = None
    lines = trained("report", "hues").out.splitlines()
    assert lines[1] == "accuracy not measured: too few examples to hold any back"
