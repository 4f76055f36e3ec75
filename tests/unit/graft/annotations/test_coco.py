from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graft import Box, LabelledBox, read_examples
from graft.boxes import MAX_BOXES
from tests.support.drawn import boxes, coco, problems, put, refused, write
from tests.support.scenes import SHARED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, "a.png", "b.png")
    return tmp_path


def annotation(**parts: Any) -> dict[str, Any]:
    return {"id": 17, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], **parts}


def test_boxes_of_a_document(folder: Path) -> None:
    found = read_examples(coco(folder))
    assert found.boxed
    assert found.warnings == ()
    first, second = found.examples
    assert (first.path, first.source, second.path) == ("a.png", folder / "a.png", "b.png")
    assert first.drawing is not None
    assert first.drawing.boxes == (
        LabelledBox("cat", Box(1, 2.5, 30, 40), origin="boxes.json annotation 17"),
        LabelledBox("dog", Box(5, 5, 6, 7), crowd=True, origin="boxes.json annotation 18"),
    )
    assert (first.drawing.width, first.drawing.height) == (640, 480)
    assert boxes(second) == []


def test_pictures_lie_beside_the_document_or_in_images(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "images/b.png", "b.png")
    first, second = read_examples(coco(tmp_path)).examples
    assert first.source == tmp_path / "images" / "a.png"
    assert second.source == tmp_path / "b.png"


def test_a_missing_picture_is_its_own_problem(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    found = read_examples(coco(tmp_path))
    assert problems(found) == {"b.png": "there is no file b.png. Received: 'b.png'"}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"bbox": [1, 2, -3, 4]}, "its corners are swapped"),
        ({"bbox": [1, 2, 3, 0]}, "it has no area"),
        ({"bbox": [1, 2, float("nan"), 4]}, "no finite number"),
        ({"bbox": [1, 2, 10**400, 4]}, "'bbox' is to be four numbers"),
        ({"bbox": [1, 2, 3]}, "'bbox' is to be four numbers"),
        ({"bbox": [1, 2, "wide", 4]}, "'bbox' is to be four numbers"),
        ({"bbox": [1, 2, None, 4]}, "'bbox' is to be four numbers"),
        ({"bbox": None}, "'bbox' is to be four numbers"),
        ({"category_id": 99}, "there is no category of this 'category_id'"),
        ({"category_id": [3]}, "there is no category of this 'category_id'"),
        ({"iscrowd": 7}, "'iscrowd' is to be 0 or 1"),
    ],
)
def test_a_bad_annotation_refuses_its_picture(
    folder: Path, bad: dict[str, Any], words: str
) -> None:
    good = annotation(id=16)
    found = read_examples(coco(folder, annotations=[good, annotation(**bad)]))
    told = problems(found)
    assert list(told) == ["a.png"]
    assert told["a.png"].startswith("boxes.json annotation 17")
    assert words in told["a.png"]
    assert "correct or remove it. Received: " in told["a.png"]


def test_further_faults_of_a_picture_are_counted(folder: Path) -> None:
    bad = [annotation(id=n, bbox=[]) for n in range(3)]
    assert problems(read_examples(coco(folder, annotations=bad)))["a.png"].endswith(
        "(2 more faults of it)"
    )


def test_a_label_that_is_too_long_refuses_its_picture(folder: Path) -> None:
    long = [{"id": 3, "name": "x" * 201}, {"id": 5, "name": "dog"}]
    told = problems(read_examples(coco(folder, categories=long)))
    assert "annotation 17: a label has at most 200 bytes" in told["a.png"]


def test_a_bounded_number_of_boxes(folder: Path) -> None:
    many = [annotation(id=n, bbox=[n, 0, 5, 5]) for n in range(MAX_BOXES)]
    assert len(boxes(read_examples(coco(folder, annotations=many)).examples[0])) == MAX_BOXES
    told = problems(read_examples(coco(folder, annotations=[*many, annotation(id="one more")])))
    assert "annotation one more: a picture has at most 1000 boxes" in told["a.png"]


def test_annotations_of_no_image_are_left_out_and_told(folder: Path) -> None:
    strays = [annotation(id=n, image_id=image) for n, image in ((8, 7), (9, None), (10, 1))]
    found = read_examples(coco(folder, annotations=strays))
    assert len(boxes(found.examples[0])) == 1
    (warning,) = found.warnings
    assert warning.startswith("2 annotations are of images that ")
    assert "(annotation 8: image 7; annotation 9: image None)" in warning


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"images": {}}, "'images' is no list"),
        ({"images": []}, "lists no images"),
        ({"images": [7]}, "images[0] is no object"),
        ({"images": [{"file_name": "a.png"}]}, "wanted as 'id'"),
        ({"images": [{"id": 1}]}, "image 1: a text is wanted as 'file_name'"),
        ({"images": [{"id": 1, "file_name": "a"}] * 2}, "images[1]: the id stands twice"),
        ({"images": [{"id": 1, "file_name": "\ud800"}]}, "a text is wanted as 'file_name'"),
        ({"annotations": None}, "'annotations' is no list"),
        ({"categories": None}, "'categories' is no list"),
        ({"categories": [{"id": 3}]}, "category 3: a text is wanted as 'name'"),
        ({"categories": [{"id": True, "name": "cat"}]}, "wanted as 'id'"),
    ],
)
def test_a_document_that_is_none_is_an_error(
    folder: Path, parts: dict[str, Any], words: str
) -> None:
    assert words in refused(coco(folder, **parts))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no COCO document"),
        ('{"images": [], "labels": []}', "Received: 'images', 'labels'"),
    ],
)
def test_another_document_is_an_error(folder: Path, text: str, words: str) -> None:
    assert words in refused(write(folder, "x.json", text))


@pytest.mark.shared
@pytest.mark.parametrize(("part", "count"), [("train", 160), ("test", 40)])
def test_the_shared_raccoons_are_read_whole(part: str, count: int) -> None:
    path = SHARED / "raccoon" / f"{part}.json"
    if not path.is_file():
        pytest.skip("the shared data sets are not beside this checkout")
    found = read_examples(path)
    assert len(found.examples) == count
    assert problems(found) == {}
    wanted = len(json.loads(path.read_text())["annotations"])
    assert sum(len(boxes(one)) for one in found.examples) == wanted
