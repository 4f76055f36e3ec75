"""Small pictures of a red and a green thing on grey, and the document of COCO that boxes them."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

GREY, RED, GREEN = (120, 120, 120), (250, 0, 0), (0, 250, 0)
PLACES = {"red": (4, 2, 10, 8), "green": (24, 6, 12, 10)}


def scene(path: Path, *, red: tuple[int, int, int] = RED, green: bool = True) -> Path:
    """Write a picture of 40 x 20 pixels with things in PLACES; answer its path."""
    picture = Image.new("RGB", (40, 20), GREY)
    colours = {"red": red} | ({"green": GREEN} if green else {})
    for label, colour in colours.items():
        left, top, width, height = PLACES[label]
        picture.paste(colour, (left, top, left + width, top + height))
    picture.save(path)
    return path


def boxed(folder: Path, count: int = 2) -> Path:
    """Write so many pictures into a folder, and `boxes.json` beside them; answer its path."""
    names = [scene(folder / f"{number}.png").name for number in range(count)]
    ids = {"red": 1, "green": 2}
    document = {
        "images": [
            {"id": number, "file_name": name, "width": 40, "height": 20}
            for number, name in enumerate(names)
        ],
        "annotations": [
            {"id": 10 * number + ids[label], "image_id": number, "category_id": ids[label]}
            | {"bbox": list(place)}
            for number in range(count)
            for label, place in PLACES.items()
        ],
        "categories": [{"id": number, "name": label} for label, number in ids.items()],
    }
    path = folder / "boxes.json"
    path.write_text(json.dumps(document))
    return path
