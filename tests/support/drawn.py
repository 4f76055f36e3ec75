"""Files of boxes and pictures on the disk, and what a reader made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graft import Box, Example, ExampleSet, InvalidArgument, Problem, read_examples


def put(root: Path, *names: str) -> None:
    """Make files of these names below a folder, which no reader opens."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def write(root: Path, name: str, text: str) -> Path:
    """Make a file of text."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def coco(root: Path, **parts: Any) -> Path:
    """Make a COCO document of a cat (category 3) and a dog (5) on a.png, with some parts replaced;
    b.png shows nothing."""
    document = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 640, "height": 480},
            {"id": 2, "file_name": "b.png"},
        ],
        "annotations": [
            {"id": 17, "image_id": 1, "category_id": 3, "bbox": [1, 2.5, 30, 40]},
            {"id": 18, "image_id": 1, "category_id": 5, "bbox": [5, 5, 6, 7], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
        **parts,
    }
    return write(root, "boxes.json", json.dumps(document))


def boxes(example: Example) -> list[tuple[str, Box]]:
    """The labels and boxes of an example that was taken."""
    assert not isinstance(example.source, Problem), example.source
    assert example.drawing is not None
    assert example.labels == ()
    return [(one.label, one.box) for one in example.drawing.boxes]


def problems(found: ExampleSet) -> dict[str, str]:
    """Why examples were not taken, by path."""
    return {
        one.path: one.source.message for one in found.examples if isinstance(one.source, Problem)
    }


def refused(path: Path) -> str:
    """Why nothing at all was read."""
    with pytest.raises(InvalidArgument) as caught:
        read_examples(path)
    assert "Received: " in str(caught.value)
    return str(caught.value)
