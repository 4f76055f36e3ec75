"""PATH as people type it: which reader takes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from graft.annotations.coco import read_coco
from graft.annotations.voc import is_voc, read_voc
from graft.annotations.yolo import is_yolo, read_yolo
from graft.content import display_path
from graft.errors import InvalidArgument, NotFound
from graft.examples import ExampleSet
from graft.folder import read_folder
from graft.manifest import read_csv, read_jsonl


def read_examples(path: str | os.PathLike[str]) -> ExampleSet:
    """Read a folder of class folders, a CSV or a JSONL manifest; or boxes: COCO JSON, a manifest
    with the columns x, y, w and h, a folder of Pascal VOC or of YOLO. What it is is seen from it.

    Raises NotFound when there is nothing at `path`, InvalidArgument when it is of another kind, or
    when a manifest is malformed: then the row and the column are named and nothing is read.
    """
    place = Path(path)
    if place.is_dir():
        return _folder_reader(place)(place)
    if not place.exists():
        raise NotFound(f"there is no {display_path(place)}. Received: {display_path(place)!r}")
    suffix = place.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return read_csv(place)
    if suffix in (".jsonl", ".ndjson"):
        return read_jsonl(place)
    if suffix == ".json":
        return read_coco(place)
    raise InvalidArgument(
        "a folder of class folders, a .csv or a .jsonl manifest was wanted, or boxes: a .json"
        f" document of COCO, a folder of Pascal VOC or of YOLO. Received: {display_path(place)!r}"
    )


def _folder_reader(place: Path) -> Callable[[Path], ExampleSet]:
    if is_voc(place):
        return read_voc
    return read_yolo if is_yolo(place) else read_folder
