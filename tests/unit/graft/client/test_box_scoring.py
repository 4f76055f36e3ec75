"""Scoring a detector: what COCO says of it, what is wrong, and what cannot be scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from graft import (
    Box,
    Conflict,
    Detected,
    DetectedObject,
    Drawing,
    Example,
    InvalidArgument,
    LabelledBox,
    Prediction,
)
from graft.client.box_scoring import score_boxes
from graft.client.scoring import score
from graft.detection.errors import ErrorCounts
from graft.predictor.v1 import predictor_service_pb2 as pb

LABELS = ("cat", "dog")
VERSION = "projects/p/models/m/versions/4"
SIZE = (640, 480)
PLAIN = Drawing()
HERE, THERE, SMALL = Box(0, 0, 100, 100), Box(300, 0, 100, 100), Box(500, 300, 20, 20)


def shows(path: str, *boxes: LabelledBox, drawn: Drawing = PLAIN) -> Example:
    return Example(path, (), b"x", replace(drawn, boxes=boxes))


def sees(
    *objects: tuple[str, Box, float], doubtful: Sequence[tuple[str, Box, float]] = ()
) -> Prediction:
    """The answer as it comes off the wire."""
    message = pb.Prediction(
        detected=pb.Detected(
            objects=[_object(*one) for one in objects],
            doubtful=[_object(*one) for one in doubtful],
            width=SIZE[0],
            height=SIZE[1],
        )
    )
    return Prediction.from_proto(pb.Prediction.FromString(message.SerializeToString()), VERSION)


def _object(label: str, box: Box, certain: float) -> pb.DetectedObject:
    return pb.DetectedObject(label=label, box=box.to_proto(), score=certain, unknown=certain < 0.2)


def cat(box: Box, *, crowd: bool = False) -> LabelledBox:
    return LabelledBox("cat", box, crowd)


def test_an_answer_comes_off_the_wire() -> None:
    found = sees(("cat", HERE, 0.5), doubtful=[("dog", SMALL, 0.125)])
    assert found.detected == Detected(
        objects=(DetectedObject("cat", 0.5, HERE),),
        width=640,
        height=480,
        doubtful=(DetectedObject("dog", 0.125, SMALL, unknown=True),),
    )
    empty = Prediction.from_proto(pb.Prediction(detected=pb.Detected()), VERSION)
    assert empty.detected == Detected((), 0, 0)
    assert Prediction.from_proto(pb.Prediction(label="cat"), VERSION).detected is None


def test_all_found_and_nothing_else() -> None:
    answered = [
        (
            shows("a", cat(HERE), LabelledBox("dog", SMALL)),
            sees(("cat", HERE, 0.9), ("dog", SMALL, 0.8)),
        ),
        (shows("b"), sees()),
    ]
    found = score_boxes(answered, LABELS, {})
    assert (found.map50, found.map50_95) == pytest.approx((1.0, 1.0))
    one = found.per_class["cat"]
    assert (one.precision, one.recall, one.f1, one.count) == (1.0, 1.0, 1.0, 1)
    assert (found.count, found.errors) == (2, ErrorCounts(hit=2))
    assert {name: (band.count, band.map50) for name, band in found.bands.items()} == {
        "small": (1, pytest.approx(1.0)),
        "medium": (0, None),
        "large": (1, pytest.approx(1.0)),
    }
    assert found.counts["dog"].mean_absolute_error == 0
    assert found.versions == (4,)


def test_doubtful_objects_raise_the_average_precision_but_are_not_given() -> None:
    picture = shows("a", cat(HERE), cat(THERE))
    given = [(picture, sees(("cat", HERE, 0.9)))]
    doubted = [(picture, sees(("cat", HERE, 0.9), doubtful=[("cat", THERE, 0.3)]))]
    some, more = (score_boxes(answered, LABELS, {}) for answered in (given, doubted))
    assert some.map50 == pytest.approx(51 / 101)
    assert more.map50 == pytest.approx(1.0)
    for found in (some, more):
        assert found.per_class["cat"].recall == 0.5
        assert found.errors == ErrorCounts(hit=1, missed=1)
        assert found.counts["cat"].bias == -1.0
    assert some.per_class["dog"].ap50 is None


def test_what_is_wrong_is_sorted_by_label() -> None:
    answer = sees(
        ("cat", HERE, 0.9),
        ("cat", Box(2, 0, 100, 100), 0.8),
        ("dog", THERE, 0.7),
        ("cat", Box(500, 400, 30, 30), 0.1),
    )
    found = score_boxes([(shows("a", cat(HERE), cat(THERE)), answer)], LABELS, {})
    assert found.errors_by_class["cat"] == ErrorCounts(hit=1, duplicate=1, background=1, missed=1)
    assert found.errors_by_class["dog"] == ErrorCounts(wrong_class=1)
    assert found.errors == ErrorCounts(hit=1, duplicate=1, wrong_class=1, background=1, missed=1)
    assert found.unknown == 1


def test_shares_are_of_the_picture_that_was_answered() -> None:
    half = shows("a", cat(Box(0, 0, 0.5, 0.5)), drawn=Drawing(relative=True))
    found = score_boxes([(half, sees(("cat", Box(0, 0, 320, 240), 0.9)))], LABELS, {})
    assert found.map50_95 == pytest.approx(1.0)


def test_crowds_and_labels_that_the_model_does_not_know_are_in_no_figure() -> None:
    picture = shows("a", cat(HERE), cat(THERE, crowd=True), LabelledBox("cow", SMALL))
    answer = sees(("cat", HERE, 0.9), ("cat", THERE, 0.8), ("dog", SMALL, 0.7))
    found = score_boxes([(picture, answer)], LABELS, {})
    assert found.map50 == pytest.approx(1.0)
    assert found.unseen == {"cow": 1}
    assert found.errors == ErrorCounts(hit=1, background=1)
    assert "cat" not in found.counts


def test_pictures_that_cannot_be_scored_are_told() -> None:
    answered = [
        (shows("good", cat(HERE)), sees()),
        (shows("outside", cat(Box(600, 0, 100, 100))), sees()),
        (shows("other", cat(HERE), drawn=Drawing((), 320, 240)), sees()),
        (Example("labels", "cat", b"x"), sees()),
    ]
    found = score_boxes(answered, LABELS, {"gone": "there is no file"})
    assert found.count == 1
    assert list(found.problems) == ["gone", "outside", "other", "labels"]
    assert "60 pixels beyond the right side" in found.problems["outside"]
    assert "drawn on 320 x 240 pixels" in found.problems["other"]
    assert "labels without boxes" in found.problems["labels"]
    with pytest.raises(InvalidArgument, match="no picture could be scored"):
        score_boxes(answered[1:], LABELS, {})


def test_models_and_examples_of_two_kinds_do_not_meet() -> None:
    labelled = Prediction("cat", 0.9, False, {"cat": 0.9}, VERSION)
    with pytest.raises(InvalidArgument, match="answers labels and no boxes"):
        score_boxes([(shows("a", cat(HERE)), labelled)], LABELS, {})
    with pytest.raises(InvalidArgument, match="the model answers boxes"):
        score([(Example("a", "cat", b"x"), sees())], LABELS, {})


def test_a_version_that_moved_meanwhile_is_told() -> None:
    with pytest.raises(Conflict, match="evaluate NAME/VERSION"):
        score_boxes([(shows("a", cat(HERE)), sees(("cow", HERE, 0.9)))], LABELS, {})


def test_the_range_holds_the_figure_and_one_picture_has_none() -> None:
    right, none = (shows("a", cat(HERE)), sees(("cat", HERE, 0.9))), (shows("b", cat(HERE)), sees())
    found = score_boxes([*[right] * 10, *[none] * 10], LABELS, {})
    assert found.map50_interval is not None
    assert found.map50_interval.low < (found.map50 or 0) < found.map50_interval.high
    assert score_boxes([right], LABELS, {}).map50_interval is None
