"""Pictures with boxes in the report."""

from __future__ import annotations

import base64
from typing import Any

from graft.common.v1 import box_pb2
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer import glimpses
from services.trainer.report import boxed
from services.trainer.report.pictured import pictured
from tests.support.detected import SHA, report
from tests.support.page import Page

JPEG = b"\xff\xd8 a picture"


def _page(found: pb.Evaluation, glimpse: Any = JPEG) -> Page:
    return Page(boxed.pictures(found, {} if glimpse is None else {SHA: glimpse}))


def _drawn(page: Page) -> list[dict[str, str | None]]:
    return [a for tag, a in page.tags if tag == "rect" and "x" in a and "y" in a][4:]


def _style(page: Page) -> str | None:
    return next(a["style"] for tag, a in page.tags if tag == "svg" and "viewbox" in a)


def test_boxes_stand_in_pixels_of_the_picture_over_its_thumbnail() -> None:
    page = _page(report())
    assert [a["viewbox"] for tag, a in page.tags if tag == "svg" and "viewbox" in a] == [
        "0 0 640 480"
    ]
    (image,) = [a for tag, a in page.tags if tag == "image"]
    assert image["href"] == "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()
    assert (image["width"], image["height"]) == ("640", "480")
    sides = [(a["x"], a["y"], a["width"], a["height"]) for a in _drawn(page)]
    assert ("10.0", "20.0", "100.0", "50.0") in sides
    assert ("500.0", "300.0", "140.0", "180.0") in sides


def test_things_and_answers_right_and_wrong_have_colours_of_their_own() -> None:
    drawn = _drawn(_page(report()))
    colours = {a["stroke"] for a in drawn}
    assert len(colours) == len(drawn) == 4
    assert sum("stroke-dasharray" in a for a in drawn) == 1


def test_each_box_says_what_it_is_and_the_picture_what_came_of_it() -> None:
    text = _page(report()).text
    assert "hat 93%: right" in text
    assert "hat 62%: nothing is there" in text
    assert "hat: missed" in text
    assert "1 of 2 things found, 1 wrong box." in text
    assert "in/1.jpg" in text
    assert "several things in one box" not in text


def test_names_near_the_right_edge_are_written_from_there() -> None:
    texts = {a["x"]: a["text-anchor"] for tag, a in _page(report()).tags if tag == "text"}
    assert texts == {"12.0": "start", "300.0": "start", "640.0": "end"}


def test_a_picture_that_cannot_be_shown_has_its_boxes_all_the_same() -> None:
    for glimpse in (None, b"", "a text"):
        page = _page(report(), glimpse)
        assert page.count("image") == 0
        assert len(_drawn(page)) == 4
    assert _page(report(), (JPEG, "and words")).count("image") == 1


def test_a_crowded_picture_names_what_is_wrong_and_draws_that_first() -> None:
    found = report()
    picture = found.detection.pictures[0]
    box = box_pb2.Box(left=1, top=1, width=5, height=5)
    for _ in range(boxed.MAX_BOXES):
        picture.boxes.add(label="hat", kind="hit", score=0.8, box=box)
    page = _page(found)
    assert _style(page) != _style(_page(report()))  # smaller letters
    assert len(_drawn(page)) == boxed.MAX_BOXES
    assert page.count("text") == 2
    assert "4 right boxes are not drawn" in page.text


def test_a_picture_without_things_says_so() -> None:
    found = report()
    del found.detection.pictures[0].boxes[:3]
    assert "Shows nothing, 1 wrong box." in _page(found).text
    found.detection.ClearField("pictures")
    assert boxed.pictures(found, {}) == ""


def test_such_pictures_are_asked_for_larger_than_others() -> None:
    found = report()
    found.mistakes.add(path="a", sha256="1" * 64)
    found.mistakes.add(path="b", sha256=SHA)
    assert pictured(found) == {"1" * 64: glimpses.SIDE, SHA: boxed.SIDE}
