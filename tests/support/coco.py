"""What pycocotools makes of answers to pictures: the definition that ours is held to."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from graft.detection.scene import Floats, Scene


def evaluated(scenes: Sequence[Scene], labels: int) -> tuple[Floats, Floats]:
    """Average precision [k, bands, most, t], a mean over the recalls, and recall likewise; NaN
    where there is nothing to find."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth, answer = COCO(), COCO()
        truth.dataset = _dataset(scenes, labels, _things(scenes))
        answer.dataset = _dataset(scenes, labels, _answers(scenes))
        truth.createIndex()
        answer.createIndex()
        judged = COCOeval(truth, answer, iouType="bbox")
        judged.evaluate()
        judged.accumulate()
    precision, recall = judged.eval["precision"], judged.eval["recall"]  # [t, r, k, a, m]; no r
    return _ordered(precision.mean(axis=1)), _ordered(recall)


def _ordered(found: Floats) -> Floats:
    return np.where(found < 0, np.nan, found).transpose(1, 2, 3, 0)


def _dataset(scenes: Sequence[Scene], labels: int, boxes: Iterator[Any]) -> dict[str, Any]:
    return {
        "images": [{"id": number} for number in range(len(scenes))],
        "categories": [{"id": number} for number in range(labels)],
        "annotations": [{"id": at, **one} for at, one in enumerate(boxes, start=1)],
    }


def _box(box: Floats) -> dict[str, Any]:
    return {"bbox": box.tolist(), "area": float(box[2] * box[3])}


def _things(scenes: Sequence[Scene]) -> Iterator[Any]:
    for number, scene in enumerate(scenes):
        found = scene.truth
        for box, label, crowd in zip(found.boxes, found.labels, found.crowd, strict=True):
            kind = {"image_id": number, "category_id": int(label), "iscrowd": int(crowd)}
            yield {**_box(box), **kind}


def _answers(scenes: Sequence[Scene]) -> Iterator[Any]:
    for number, scene in enumerate(scenes):
        found = scene.answer
        for box, label, score in zip(found.boxes, found.labels, found.scores, strict=True):
            kind = {"image_id": number, "category_id": int(label), "iscrowd": 0}
            yield {**_box(box), **kind, "score": float(score)}
