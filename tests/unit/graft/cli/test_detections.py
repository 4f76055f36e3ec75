"""Detectors on the command line: trained from boxes, asked, drawn and reported."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from tests.support.command import Run
from tests.support.things import GREY, PLACES, scene


def test_train_tells_map50_in_the_place_of_an_accuracy(up: Run, boxes: Path) -> None:
    told = up("train", boxes, "--model", "things", "--json").document
    assert told["map50"] == {"estimate": 0.83, "low": 0.78, "high": 0.88}
    assert told["accuracy"] is None
    said = up("train", boxes, "--model", "things").out
    assert "things version 2: mAP50 83.0% (95% interval 78.0% to 88.0%)" in said
    (job, _) = up("jobs", "list", "--json").document
    shown = up("jobs", "show", job["name"].rpartition("/")[2]).out
    assert "mAP50 83.0%" in shown


def test_labels_of_whole_pictures_have_no_map50(up: Run, images: Path) -> None:
    assert "map50" not in up("train", images, "--model", "hues", "--json").document


def test_predict_prints_a_line_an_object(detector: Run, folder: Path) -> None:
    empty = folder / "empty.png"
    Image.new("RGB", (40, 20), GREY).save(empty)
    strange = scene(folder / "strange.png", red=(205, 0, 0), green=False)
    done = detector("predict", "things", folder / "0.png", empty, strange)
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["input", "label", "score", "box", "unknown"]
    told = [" ".join(line[1:]) for line in lines[1:]]
    assert sorted(told[:2]) == ["green 1.000 24, 6, 12 x 10", "red 1.000 4, 2, 10 x 8"]
    assert told[2:] == ["(nothing found)", "red 1.000 4, 2, 10 x 8 yes"]


def test_predict_of_boxes_as_the_contract_has_it(detector: Run, folder: Path) -> None:
    bad = folder / "bad.png"
    bad.write_bytes(b"no image")
    done = detector("predict", "things", folder / "1.png", bad, "--json")
    first, second = (json.loads(line) for line in done.out.splitlines())
    assert (done.code, second["error"]["reason"]) == (1, "IMAGE_UNDECODABLE")
    assert (first["width"], first["height"], first["version"]) == (40, 20, 1)
    assert first["input"] == str(folder / "1.png")
    assert {one["label"]: one["box"] for one in first["objects"]} == {
        label: dict(zip(("left", "top", "width", "height"), map(float, place), strict=True))
        for label, place in PLACES.items()
    }
    assert all(set(one) == {"label", "score", "box", "unknown"} for one in first["objects"])


def test_one_picture_is_drawn_into_a_file(detector: Run, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "drawn" / "out.jpg"
    done = detector("predict", "things", folder / "0.png", "--draw", target)
    assert done.code == 0
    assert f"wrote {target}" in done.err
    with Image.open(target) as drawn:
        assert drawn.format == "JPEG"


def test_several_pictures_are_drawn_into_a_folder_each_by_its_name(
    detector: Run, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    scene(other / "0.png")
    (folder / "bad.png").write_bytes(b"no image")
    target = tmp_path / "drawn"
    done = detector("predict", "things", folder, other / "0.png", "--draw", target, "--json")
    assert done.code == 1
    assert len(done.out.splitlines()) == 4
    assert sorted(path.name for path in target.iterdir()) == ["0-2.png", "0.png", "1.png"]


def test_what_cannot_be_drawn_is_refused(detector: Run, folder: Path, images: Path) -> None:
    done = detector("predict", "things", folder / "0.png", "--draw", folder / "out.xyz")
    assert (done.code, done.out) == (1, "")
    assert "--draw takes a file that ends with .png, .jpg" in done.err
    done = detector("predict", "things", folder / "0.png", folder / "1.png", "--draw", __file__)
    assert "cannot draw" in done.err
    assert detector("train", images, "--model", "hues").code == 0
    done = detector("predict", "hues", folder / "0.png", "--draw", folder / "out.png")
    assert "--draw is for models that find things" in done.err


def test_models_show_tells_task_size_and_map50(detector: Run) -> None:
    told = detector("models", "show", "things").out
    assert "version 1: detection, mAP50 83.0% (95% interval 78.0% to 88.0%)" in told
    assert "(cut + default), at 16 x 8 pixels" in told
    shown = detector("models", "show", "things", "--json").document["version"]
    assert (shown["task"], shown["input_size"], shown["accuracy"]) == ("detection", [8, 16], None)
    assert shown["map50"]["estimate"] == 0.83


def test_the_report_tells_map50_what_goes_wrong_and_the_outlook(detector: Run) -> None:
    told = detector("report", "things").out
    assert "mAP50 83.0% (95% interval 78.0% to 88.0%), by cross-validation on 40" in told
    assert "mAP50-95 52.0%" in told
    assert "More help." in told
    assert "80 objects right; wrong: 1 duplicate, 10 in the wrong place, 3 of the wrong" in told
    assert "14 where nothing is; 20 things missed" in told
    assert "shoe" in told
    document = detector("report", "things", "--json").document
    assert document["detection"]["map50"]["estimate"] == 0.83
