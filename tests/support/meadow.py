"""Pictures with things to find: red discs and blue squares on green noise, and where they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"disc": (220, 40, 30), "square": (40, 60, 220)}
LABELS = tuple(COLOURS)
Thing = tuple[str, tuple[float, float, float, float]]


def draw(seed: int, width: int = 240, height: int = 180, *, things: int = 1) -> Image.Image:
    """The picture of a seed."""
    return _drawn(seed, width, height, things)[0]


def shown(seed: int, width: int = 240, height: int = 180, *, things: int = 1) -> list[Thing]:
    """What it shows: labels and boxes (left, top, width, height)."""
    return _drawn(seed, width, height, things)[1]


def _drawn(seed: int, width: int, height: int, things: int) -> tuple[Image.Image, list[Thing]]:
    rng = np.random.default_rng([seed, 77])
    noise = rng.normal((70, 140, 60), 18, (height // 6 + 1, width // 6 + 1, 3)).clip(0, 255)
    picture = Image.fromarray(noise.astype(np.uint8)).resize((width, height))
    pen, found = ImageDraw.Draw(picture), list[Thing]()
    for number in range(things):
        label = LABELS[(seed + number) % 2]
        side = float(rng.uniform(0.3, 0.45)) * 180
        slot = width / max(things, 1)
        left = number * slot + float(rng.uniform(0, max(1.0, slot - side)))
        top = float(rng.uniform(0, height - side))
        box = (left, top, left + side, top + side)
        (pen.ellipse if label == "disc" else pen.rectangle)(box, fill=COLOURS[label])
        found.append((label, (left, top, side, side)))
    return picture, found


def write_coco(folder: Path, seeds: range, *, empty: int = 0) -> Path:
    """Pictures with one thing each, and `empty` without, as a COCO document with its images."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for place, seed in enumerate((*seeds, *range(1000, 1000 + empty))):
        things = 0 if seed >= 1000 else 1
        name = f"{seed}.png"
        draw(seed, things=things).save(folder / "images" / name)
        images.append({"id": place, "file_name": name, "width": 240, "height": 180})
        for label, box in shown(seed, things=things):
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": place,
                    "category_id": LABELS.index(label),
                    "bbox": [round(n, 2) for n in box],
                    "iscrowd": 0,
                }
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(LABELS)],
    }
    path = folder / "boxes.json"
    path.write_text(json.dumps(document))
    return path
