"""Boxes from the files that people have to the rows of a data set, the whole way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from graft import read_examples
from graft.client.connection import ServerInfo
from graft.client.upload import pack
from graft.trainer.v1 import dataset_pb2
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import MAX_EXAMPLES, Importer
from services.trainer.data.rows import Row
from tests.support.drawn import write
from tests.support.images import bomb, encode, picture, turned
from tests.support.imports import NAME, stream
from tests.support.scenes import SHARED

LIMITS = ServerInfo("trainer", "0", 64 << 20, MAX_EXAMPLES, 20 << 20, 50_000_000)
SIDES = {"one.png": (64, 32), "two.jpg": (16, 48), "none.png": (64, 32)}
BOXES = {
    "one.png": [("cat", (0.0, 0.0, 64.0, 32.0)), ("dog", (16.0, 8.0, 32.0, 4.0))],
    "two.jpg": [("cat", (4.0, 12.0, 8.0, 24.0))],  # turned by its EXIF: stored as 48 x 16
    "none.png": [],
}


def pictures(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "one.png").write_bytes(encode(picture(64, 32, seed=1), "PNG"))
    (folder / "two.jpg").write_bytes(turned(picture(48, 16, seed=2), "JPEG", 6))
    (folder / "none.png").write_bytes(encode(picture(64, 32, seed=3), "PNG"))


def as_coco(root: Path) -> Path:
    pictures(root / "images")
    names = list(SIDES)
    document = {
        "images": [
            {"id": n, "file_name": name, "width": SIDES[name][0], "height": SIDES[name][1]}
            for n, name in enumerate(names)
        ],
        "annotations": [
            {"id": 0, "image_id": names.index(name), "category_id": len(label), "bbox": box}
            if label == "cat"
            else {"id": 1, "image_id": names.index(name), "category_id": 7, "bbox": box}
            for name, boxes in BOXES.items()
            for label, box in boxes
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
    }
    return write(root, "boxes.json", json.dumps(document))


def as_voc(root: Path) -> Path:
    pictures(root / "JPEGImages")
    for name, boxes in BOXES.items():
        width, height = SIDES[name]
        things = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
            f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            for label, (x, y, w, h) in boxes
        )
        size = f"<size><width>{width}</width><height>{height}</height></size>"
        text = f"<annotation><filename>{name}</filename>{size}{things}</annotation>"
        write(root, f"Annotations/{Path(name).stem}.xml", text)
    return root


def as_yolo(root: Path) -> Path:
    pictures(root / "images")
    for name, boxes in BOXES.items():
        width, height = SIDES[name]
        lines = [
            f"{['cat', 'dog'].index(label)} {(x + w / 2) / width} {(y + h / 2) / height}"
            f" {w / width} {h / height}"
            for label, (x, y, w, h) in boxes
        ]
        write(root, f"labels/{Path(name).stem}.txt", "\n".join(lines))
    write(root, "data.yaml", "names: [cat, dog]")
    return root


def as_csv(root: Path) -> Path:
    pictures(root)
    lines = ["path,label,x,y,w,h"]
    for name, boxes in BOXES.items():
        lines += [f"{name},{label},{x},{y},{w},{h}" for label, (x, y, w, h) in boxes]
        lines += [] if boxes else [f"{name},,,,,"]
    return write(root, "boxes.csv", "\n".join(lines))


def as_jsonl(root: Path) -> Path:
    pictures(root)
    rows: list[dict[str, object]] = []
    for name, boxes in BOXES.items():
        rows += [
            {"path": name, "label": label, **dict(zip("xywh", box, strict=True))}
            for label, box in boxes
        ]
        rows += [] if boxes else [{"path": name}]
    return write(root, "boxes.jsonl", "\n".join(map(json.dumps, rows)))


async def imported(importer: Importer, path: Path) -> dataset_pb2.Dataset:
    packed = [pack(one, LIMITS) for one in read_examples(path).examples]
    return await importer.run(stream(packed))


def rows(catalogue: Catalogue) -> list[Row]:
    return sorted(catalogue.snapshot(NAME, 1).rows, key=lambda row: row.key)


@pytest.mark.parametrize("form", [as_coco, as_voc, as_yolo, as_csv, as_jsonl])
async def test_every_form_says_the_same(
    tmp_path: Path, importer: Importer, catalogue: Catalogue, form: Callable[[Path], Path]
) -> None:
    dataset = await imported(importer, form(tmp_path / "in"))
    assert dataset.boxed
    assert {one.label: one.box_count for one in dataset.labels} == {"cat": 2, "dog": 1}
    assert list(dataset.summary.issues) == []
    found = {Path(row.path).name: row for row in rows(catalogue)}
    for name, boxes in BOXES.items():
        row = found[name]
        assert row.size == SIDES[name]
        assert row.note == ""
        told = [(one.label, one.box.left, one.box.top) for one in row.boxes]
        assert told == [(label, left, top) for label, (left, top, _, _) in boxes]
        sides = [(one.box.width, one.box.height) for one in row.boxes]
        assert sides == [(width, height) for _, (_, _, width, height) in boxes]


def listed(root: Path, data: bytes, *lines: str) -> Path:
    """A CSV file with lines about a.png, which is these bytes."""
    (root / "a.png").write_bytes(data)
    text = "\n".join(["path,label,x,y,w,h", *(f"a.png,{line}" for line in lines)])
    return write(root, "boxes.csv", text)


async def test_five_hundred_boxes_of_two_pixels(
    tmp_path: Path, importer: Importer, catalogue: Catalogue
) -> None:
    lines = [f"ant,{4 * (n % 50)},{4 * (n // 50)},2,2" for n in range(500)]
    dataset = await imported(importer, listed(tmp_path, encode(picture(200, 40), "PNG"), *lines))
    (label,) = dataset.labels
    assert (label.example_count, label.box_count) == (1, 500)
    assert len(rows(catalogue)[0].boxes) == 500
    (warning,) = dataset.summary.warnings
    assert warning.startswith("500 of 500 boxes are narrower or lower than 8 pixels")


async def test_one_box_is_taken_and_told_to_be_few(tmp_path: Path, importer: Importer) -> None:
    path = listed(tmp_path, encode(picture(200, 40), "PNG"), "ant,10,10,20,20")
    dataset = await imported(importer, path)
    assert [one.box_count for one in dataset.labels] == [1]
    assert list(dataset.summary.warnings) == [
        "1 label has fewer than 5 boxes (ant: 1); draw some more"
    ]


async def test_the_same_box_of_two_labels_and_once_more(
    tmp_path: Path, importer: Importer, catalogue: Catalogue
) -> None:
    box = "10,10,20,20"
    path = listed(
        tmp_path, encode(picture(200, 40), "PNG"), f"ant,{box}", f"bee,{box}", f"ant,{box}"
    )
    dataset = await imported(importer, path)
    assert [one.box_count for one in dataset.labels] == [1, 1]
    (issue,) = dataset.summary.issues
    assert "1 box was given again and used once ('ant' at left 10" in issue.message
    assert "1 box was taken under several labels ('ant', 'bee' at left 10" in issue.message


async def test_a_picture_of_twenty_thousand_pixels_a_side_is_refused_with_the_limit(
    tmp_path: Path, importer: Importer
) -> None:
    dataset = await imported(importer, listed(tmp_path, bomb(20_000, 20_000), "ant,0,0,9,9"))
    assert dataset.summary.rejected_count == 1
    assert "limit of 50000000 pixels; scale it down" in dataset.summary.issues[0].message


async def test_a_long_picture_within_the_limit_is_taken(
    tmp_path: Path, importer: Importer, catalogue: Catalogue
) -> None:
    data = encode(Image.new("RGB", (20_000, 100)), "PNG")
    dataset = await imported(importer, listed(tmp_path, data, "ant,19990,0,10,100"))
    assert dataset.summary.example_count == 1
    assert rows(catalogue)[0].size == (20_000, 100)


async def test_pictures_without_boxes_alone_are_no_data_set_of_boxes(
    tmp_path: Path, importer: Importer
) -> None:
    path = listed(tmp_path, encode(picture(200, 40), "PNG"), ",,,,")
    dataset = await imported(importer, path)
    assert (dataset.boxed, dataset.summary.rejected_count) == (False, 1)
    assert "it bears no label" in dataset.summary.issues[0].message


@pytest.mark.shared
async def test_the_shared_raccoons_are_taken_whole(
    importer: Importer, catalogue: Catalogue
) -> None:
    path = SHARED / "raccoon" / "train.json"
    if not path.is_file():
        pytest.skip("the shared data sets are not beside this checkout")
    dataset = await imported(importer, path)
    summary = dataset.summary
    assert (summary.example_count, summary.duplicate_count) == (156, 4)  # four were drawn twice
    assert summary.rejected_count == summary.conflict_count == 0
    assert all("drawn a little otherwise" in issue.message for issue in summary.issues)
    (label,) = dataset.labels
    wanted = len(json.loads(path.read_text())["annotations"])
    assert (label.example_count, label.box_count) == (156, wanted - 4)
