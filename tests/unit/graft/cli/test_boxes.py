"""`graft` with boxes: what is read, what is sent, and a detector's scoring."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graft import Box
from graft.predictor.v1 import predictor_service_pb2 as pb
from tests.support.command import Run
from tests.support.drawn import coco, write
from tests.support.fake_suite import FakeSuite
from tests.support.images import encode, picture


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A COCO document of two pictures of 640 x 480: a cat and a crowd of dogs, and nothing."""
    for seed, name in enumerate(("a.png", "b.png")):
        (tmp_path / name).write_bytes(encode(picture(640, 480, seed=seed), "PNG"))
    return coco(tmp_path)


@pytest.fixture
def detector(up: Run, suite: FakeSuite, drawn: Path) -> Run:
    """A model of cats and dogs that finds the cat, and one that is not there."""
    assert up("train", drawn, "--model", "pets").code == 0
    right, wrong = Box(1, 2.5, 30, 40), Box(300, 300, 50, 50)
    for name, box in (("a.png", right), ("b.png", wrong)):
        found = pb.DetectedObject(label="cat", score=0.9, box=box.to_proto())
        answer = pb.Detected(objects=[found], width=640, height=480)
        suite.world.detected[(drawn.parent / name).read_bytes()] = answer
    return up


def test_boxes_are_sent_and_told(up: Run, suite: FakeSuite, drawn: Path) -> None:
    done = up("train", drawn, "--model", "pets")
    assert done.code == 0
    assert "2 examples of 2 classes: 1 box" in done.err
    first = suite.world.imports[0].examples[0]
    assert [(one.label, one.crowd) for one in first.boxes] == [("cat", False), ("dog", True)]
    shown = up("datasets", "show", "pets").out
    assert "2 examples of images, with boxes" in shown
    assert "boxes" in shown.splitlines()[2]
    assert up("datasets", "show", "pets", "--json").document["boxes"] == {"cat": 1, "dog": 0}


def test_evaluate_scores_boxes(detector: Run, drawn: Path) -> None:
    found = detector("evaluate", "pets", drawn, "--json").document
    assert found["map50"] == found["map50_95"] == pytest.approx(1.0)
    assert found["map50_interval"] is None  # of one thing
    assert found["count"] == 2
    cat = found["per_class"]["cat"]
    assert (cat["precision"], cat["recall"], cat["ap50"]) == (0.5, 1.0, pytest.approx(1.0))
    assert found["per_class"]["dog"]["ap50"] is None
    assert found["errors"] == {
        "hit": 1,
        "duplicate": 0,
        "wrong_place": 0,
        "wrong_class": 0,
        "background": 1,
        "missed": 0,
    }
    assert found["counts"]["cat"]["mean_absolute_error"] == 0.5
    assert found["bands"]["medium"] == {"count": 1, "map50": pytest.approx(1.0)}
    assert set(found["leaks"]) == {"a.png", "b.png"}


def test_evaluate_tells_boxes(detector: Run, drawn: Path) -> None:
    done = detector("evaluate", "pets", drawn)
    assert done.code == 0
    assert "mAP50 100.0%, mAP50-95 100.0% on 2 pictures with 1 thing" in done.out
    assert "1 object right; wrong: 0 duplicate, 0 in the wrong place" in done.out
    assert "1 where nothing is; 0 things missed" in done.out
    assert "counting 'cat': 0.50 off on average, right on 50.0% of 2 pictures" in done.out
    assert "nearly the same as a.png, which the model was trained on" in done.err


def test_evaluate_tells_a_range_where_pictures_are_several(
    detector: Run, suite: FakeSuite, drawn: Path
) -> None:
    document = json.loads(drawn.read_text())
    document["annotations"] = [
        {"id": n, "image_id": n, "category_id": 3, "bbox": [1, 2.5, 30, 40]} for n in (1, 2)
    ]
    both = write(drawn.parent, "both.json", json.dumps(document))
    done = detector("evaluate", "pets", both)
    assert "mAP50 50.5% (95% interval " in done.out
    interval = detector("evaluate", "pets", both, "--json").document["map50_interval"]
    assert 0 <= interval["low"] < interval["estimate"] < interval["high"] <= 1


def test_a_detector_is_not_evaluated_by_labels(detector: Run, drawn: Path) -> None:
    labels = write(drawn.parent, "labels.csv", "path,label\na.png,cat\n")
    done = detector("evaluate", "pets", labels)
    assert done.code == 1
    assert "the model answers boxes; evaluate it on pictures with boxes" in done.err


def test_things_of_unseen_labels_are_told(detector: Run, drawn: Path) -> None:
    document = json.loads(drawn.read_text())
    document["categories"][0]["name"] = "cow"
    done = detector("evaluate", "pets", write(drawn.parent, "cows.json", json.dumps(document)))
    assert "1 thing bears a label that the model was not trained on" in done.err
    assert "mAP50 -, mAP50-95 - on 2 pictures with 0 things" in done.out
