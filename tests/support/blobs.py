"""Pictures of bright squares, as maps that a backbone might answer: detectors learn them soon.

A map has a channel that is high where a thing of a label is, one for each label, one that is high
where any thing is, and noise in the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graft.detection.scene import Truth
from services.common.detector.detector import Detector, Geometry
from services.common.detector.network import EXTRA, Network
from services.common.detector.regions import Region
from services.trainer.detection.plan import Plan
from services.trainer.detection.targets import make_targets
from services.trainer.detection.training import Lesson, Views
from services.trainer.detection.views import Part, View, seen_in

SIDE, CELL = 128, 16
CELLS = SIDE // CELL
CHANNELS = 6
LABELS = ("ball", "cube")


def truths(count: int, seed: int = 0, *, empty: int = 0) -> list[Truth]:
    """What `count` pictures of SIDE x SIDE pixels show: one thing each, and nothing the last
    `empty` ones."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count - empty):
        width, height = rng.uniform(28, 44, 2).tolist()
        left, top = rng.uniform(0, SIDE - width), rng.uniform(0, SIDE - height)
        found.append(Truth.of([(float(left), float(top), width, height)], [number % len(LABELS)]))
    return [*found, *(Truth.of([], []) for _ in range(empty))]


def maps_of(some: Sequence[Truth], seed: int = 0) -> NDArray[np.float16]:
    """float16 `[n, CELLS, CELLS, CHANNELS]`."""
    rng = np.random.default_rng([seed, 1])
    maps = rng.normal(0, 0.1, (len(some), CELLS, CELLS, CHANNELS))
    middle = (np.arange(CELLS) + 0.5) * CELL
    for number, truth in enumerate(some):
        for (left, top, width, height), label in zip(truth.boxes, truth.labels, strict=True):
            rows = (middle >= top) & (middle <= top + height)
            columns = (middle >= left) & (middle <= left + width)
            maps[number, rows[:, None] & columns[None, :], int(label)] += 2
            maps[number, rows[:, None] & columns[None, :], len(LABELS)] += 1
    return maps.astype(np.float16)


def plan() -> Plan:
    """A grid of one map."""
    return Plan(Geometry(SIDE, CELL, float(SIDE), (CELL,)), ("map",), (CHANNELS,), 1.0, "tiny")


def lesson(count: int = 20, seed: int = 0, *, empty: int = 0) -> Lesson:
    """Pictures to learn from, each seen as it is alone."""
    shown = truths(count, seed, empty=empty)
    maps = [maps_of(shown, seed)]
    whole = Region(0.0, 0.0, float(SIDE), float(SIDE))
    views = [View((Part(number, whole),)) for number in range(count)]
    made = Views.made(maps, views)
    seen = [seen_in(view, shown) for view in views]
    return Lesson(
        plan(),
        LABELS,
        shown,
        [(SIDE, SIDE)] * count,
        np.arange(count),
        made,
        make_targets(seen, CELLS, len(LABELS)),
        made,
        [whole] * count,
    )


def network(seed: int = 0, *, width: int = 8, labels: int = len(LABELS)) -> Network:
    """One that was not trained."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> NDArray[np.float32]:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    return Network(
        (draw(CHANNELS, width),),
        draw(CHANNELS, width),
        draw(width),
        ((draw(3, 3, width, width), draw(width)),),
        draw(width, labels + EXTRA),
        draw(labels + EXTRA),
    )


def detector(seed: int = 0, networks: int = 2) -> Detector:
    """One whose networks were not trained."""
    made = plan()
    return Detector(
        LABELS,
        made.channels,
        made.geometry,
        tuple(network(seed + n) for n in range(networks)),
        np.full(len(LABELS), 0.3, np.float32),
        (1.5, -0.2),
    )
