"""The demo's images: the right number of real ones, the same every time, none in both parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tools import demo


def test_the_parts_are_complete_and_apart(tmp_path: Path) -> None:
    demo.write_images(tmp_path / "a")
    demo.write_images(tmp_path / "b")
    parts = {
        part: {
            path.relative_to(tmp_path / "a" / part)
            for path in (tmp_path / "a" / part).rglob("*.png")
        }
        for part in ("train", "held-out")
    }
    assert {part: len(paths) for part, paths in parts.items()} == {"train": 250, "held-out": 200}
    numbers = [{path.name for path in paths} for paths in parts.values()]
    assert not numbers[0] & numbers[1]
    for path in parts["train"]:
        assert (tmp_path / "a/train" / path).read_bytes() == (
            tmp_path / "b/train" / path
        ).read_bytes()


def test_pictures_are_dark_ink_on_white_paper() -> None:
    pixels = np.zeros((8, 8))
    pixels[2:6, 3:5] = 16
    found = np.asarray(demo.picture(pixels))
    assert found.shape == (demo.PIXELS, demo.PIXELS)
    assert (found[0, 0], found[48, 48]) == (255, 0)
    assert Image.fromarray(found).mode == "L"
