from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from services.trainer.data.sketch import Sketches
from services.trainer.evaluate import shortcuts as module
from services.trainer.evaluate.shortcuts import BACKGROUND, MARK, find_shortcuts
from tests.support.copies import jpeg, scene, sketches

CLASSES = 4
EACH = 40
SIZE = (160, 120)


def logo(side: int) -> Image.Image:
    picture = Image.new("RGB", (60, 60), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((8, 8, 52, 52), fill=(200, 30, 30))
    draw.rectangle((26, 14, 34, 46), fill="white")
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def stamped(seed: int, corner: str, opacity: float) -> Image.Image:
    """A scene with a logo of 12% of its width in a corner."""
    picture, side = scene(seed, size=SIZE), SIZE[0] * 12 // 100
    x = 3 if "left" in corner else SIZE[0] - side - 3
    y = 3 if "upper" in corner else SIZE[1] - side - 3
    under = picture.crop((x, y, x + side, y + side))
    picture.paste(Image.blend(under, logo(side), opacity), (x, y))
    return picture


def data(corner: str = "", opacity: float = 1.0, share: float = 1.0) -> Sketches:
    """CLASSES x EACH scenes; in class 2 the stated share is stamped."""
    pictures = []
    for number in range(CLASSES * EACH):
        marked = corner and number // EACH == 2 and number % EACH < share * EACH
        picture = stamped(number, corner, opacity) if marked else scene(number, size=SIZE)
        pictures.append(jpeg(picture, 60 + number % 40))
    return sketches(pictures)


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return np.repeat(np.arange(CLASSES), EACH)


def test_nothing_is_said_where_there_is_nothing(y: np.ndarray) -> None:
    assert find_shortcuts(data(), y) == []


@pytest.mark.parametrize(
    ("corner", "opacity", "share"),
    [
        ("upper left", 1.0, 1.0),
        ("lower right", 1.0, 0.7),
        ("upper right", 0.5, 1.0),
        ("lower left", 0.5, 1.0),
    ],
)
def test_a_logo_is_found_where_it_is(
    y: np.ndarray, corner: str, opacity: float, share: float
) -> None:
    (found,) = find_shortcuts(data(corner, opacity, share), y)
    assert (found.label, found.kind) == (2, MARK)
    x, down = found.left + found.width / 2, found.top + found.height / 2
    assert (x < 0.2) if "left" in corner else (x > 0.8)
    assert (down < 0.25) if "upper" in corner else (down > 0.75)
    assert found.width < 0.35
    assert 0.4 * share < found.strength <= 1
    assert len(found.examples) == 6
    assert all(y[item] == 2 and item % EACH < share * EACH for item in found.examples)


def test_of_two_classes_the_one_that_bears_the_mark_is_named(y: np.ndarray) -> None:
    some = np.flatnonzero((y == 2) | (y == 3))
    found = find_shortcuts(data("upper left")[some], y[some])
    assert [each.label for each in found] == [2]


def test_a_mark_on_all_classes_gives_none_away(y: np.ndarray) -> None:
    marked = sketches([jpeg(stamped(n, "upper left", 1.0)) for n in range(len(y))])
    assert find_shortcuts(marked, y) == []


def test_a_background_is_found(y: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    found_in = data().copy()
    for item in np.flatnonzero(y == 1):
        meadow = rng.normal((70, 120, 50), 20, (32, 32, 3)) * rng.uniform(0.7, 1.2)
        middle = found_in[item, 8:24, 8:24].copy()
        found_in[item] = np.clip(meadow, 0, 255)
        found_in[item, 8:24, 8:24] = middle
    found = find_shortcuts(found_in, y)
    assert [(each.label, each.kind) for each in found] == [(1, BACKGROUND)]
    assert found[0].strength > 0.9


def test_few_pictures_are_not_judged(y: np.ndarray) -> None:
    some = np.concatenate([np.flatnonzero(y == label)[:5] for label in range(CLASSES)])
    assert find_shortcuts(data("upper left")[some], y[some]) == []
    assert find_shortcuts(data()[:0], y[:0]) == []
    assert find_shortcuts(data()[:30], y[:30]) == []


def test_of_many_classes_the_likely_ones_are_looked_at(
    y: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EXAMINED", 1)
    assert [each.label for each in find_shortcuts(data("upper left"), y)] == [2]


def test_equal_pictures_are_no_trouble(y: np.ndarray) -> None:
    plain = np.full((len(y), 32, 32, 3), 128, np.uint8)
    assert find_shortcuts(plain, y) == []
