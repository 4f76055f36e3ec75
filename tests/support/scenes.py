"""Pictures with things and answers to them, at random and from real data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from graft.detection.scene import Answer, Floats, Scene, Truth

SHARED: Final = Path(__file__).resolve().parents[3] / "shared" / "data"


def random_scenes(
    rng: np.random.Generator,
    pictures: int,
    labels: int,
    things: int,
    answers: int,
    crowds: float,
    scores: int,
) -> list[Scene]:
    """Pictures with up to `things` things, a share `crowds` of them crowds, and up to `answers`
    answers with `scores` different scores, most of them near a thing; boxes of all sizes, many of
    them in whole pixels, so that there are ties."""
    return [
        _random_scene(rng, labels, int(rng.integers(0, things + 1)), answers, crowds, scores)
        for _ in range(pictures)
    ]


def _random_scene(
    rng: np.random.Generator, labels: int, things: int, answers: int, crowds: float, scores: int
) -> Scene:
    boxes = _boxes(rng, things)
    kinds = rng.integers(0, labels, things)
    truth = Truth(boxes, kinds, rng.random(things) < crowds)
    count = int(rng.integers(0, answers + 1))
    near = rng.random(count) < 0.8 if things else np.zeros(count, np.bool_)
    about = rng.integers(0, max(things, 1), count)
    found = _boxes(rng, count)
    found[near] = _moved(rng, boxes[about[near]])
    own = np.where(near & (rng.random(count) < 0.8), np.append(kinds, 0)[about], 0)
    certain = rng.integers(0, scores, count) / scores
    return Scene(truth, Answer(found, own, certain))


def _boxes(rng: np.random.Generator, count: int) -> Floats:
    sides = np.round(np.exp(rng.uniform(np.log(4), np.log(300), (count, 2))))
    corners = np.round(rng.uniform(0, 300, (count, 2)))
    return np.concatenate([corners, sides], axis=1)


def _moved(rng: np.random.Generator, boxes: Floats) -> Floats:
    """Boxes a little beside others; some the very same."""
    by = rng.choice([0.0, 0.05, 0.2, 0.5], (len(boxes), 1))
    change = rng.normal(0, 1, boxes.shape) * by * np.tile(boxes[:, 2:], 2)
    moved: Floats = boxes + change
    moved[:, 2:] = np.maximum(moved[:, 2:], 1.0)
    return moved


def real_scenes(name: str, part: str) -> list[Scene]:
    """The boxes of a shared data set, COCO JSON of one label, and answers near and far of them."""
    path = SHARED / name / f"{part}.json"
    if not path.is_file():
        pytest.skip(f"the shared data set {name} is not beside this checkout")
    document = json.loads(path.read_text())
    rng = np.random.default_rng(0)
    scenes = []
    for image in document["images"]:
        found = [one for one in document["annotations"] if one["image_id"] == image["id"]]
        truth = Truth.of([tuple(one["bbox"]) for one in found], [0] * len(found))
        boxes = np.concatenate([_moved(rng, np.repeat(truth.boxes, 3, axis=0)), _boxes(rng, 2)])
        labels = np.zeros(len(boxes), np.int64)
        scenes.append(Scene(truth, Answer(boxes, labels, rng.random(len(boxes)).round(2))))
    return scenes
