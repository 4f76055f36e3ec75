"""What a model proposes, as a document of COCO that `graft.annotations.coco` reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graft.client.detections import DetectedObject
from graft.client.proposals import Proposal


def proposed_document(
    pictures: Sequence[Proposal], labels: Sequence[str], folder: Path
) -> dict[str, Any]:
    """A document that is to lie in `folder`, with the pictures in the order given.

    Beside what COCO asks for it has the `score` of each box, whether it is `unknown`, and the
    `worth` of each picture.
    """
    ids = {label: number for number, label in enumerate(labels, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, one in enumerate(pictures, start=1):
        images.append(
            {
                "id": number,
                "file_name": _name(one.path, folder),
                "width": one.detected.width,
                "height": one.detected.height,
                "worth": round(one.worth, 4),
            }
        )
        for found in one.detected.objects:
            place = {"id": len(annotations) + 1, "image_id": number}
            annotations.append(place | _annotation(found, ids))
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in ids.items()],
    }


def _annotation(found: DetectedObject, ids: dict[str, int]) -> dict[str, Any]:
    box = found.box
    return {
        "category_id": ids[found.label],
        "bbox": [round(side, 2) for side in (box.left, box.top, box.width, box.height)],
        "area": round(box.width * box.height, 2),
        "iscrowd": 0,
        "score": round(found.score, 4),
        "unknown": found.unknown,
    }


def _name(path: Path, folder: Path) -> str:
    """The path of a picture from the document's folder on, with forward slashes; whole where no
    such path leads there (another drive)."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.absolute().as_posix()
