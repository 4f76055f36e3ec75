"""What was found in the regions of a picture, put together for the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.common.detector.detector import MAX_OBJECTS, Found
from services.common.detector.regions import Region
from services.common.detector.suppression import suppress


def merge(found: Sequence[Found], regions: Sequence[Region], width: int, height: int) -> Found:
    """The boxes of all regions in pixels of the picture of `width` x `height`, highest score first;
    of those of several regions that show one thing the best."""
    boxes = np.concatenate(
        [_moved(one, region) for one, region in zip(found, regions, strict=True)]
    )
    boxes = np.clip(boxes, 0, np.array([width, height] * 2, np.float32))
    whole = Found(
        boxes.astype(np.float32),
        np.concatenate([one.labels for one in found]),
        np.concatenate([one.scores for one in found]),
        np.concatenate([one.unknown for one in found]),
    )
    if len(found) == 1:
        return whole
    parts = np.repeat(np.arange(len(found)), [len(one.labels) for one in found])
    return whole.take(suppress(boxes, whole.scores, whole.labels, parts, most=MAX_OBJECTS))


def _moved(found: Found, region: Region) -> np.ndarray:
    scale = np.array([region.width, region.height] * 2, np.float32)
    return found.boxes * scale + np.array([region.left, region.top] * 2, np.float32)
