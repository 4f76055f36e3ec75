"""What a job holds in memory, and what it does where that is too much."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from services.common.backbones import record
from services.trainer.detection.memory import MAX_BYTES, affordable, held_bytes
from services.trainer.detection.plan import Plan, Size, make_plans
from services.trainer.detection.targets import make_targets
from services.trainer.detection.training import Lesson, Views, folded
from services.trainer.detection.views import seen_in, training_views, whole_views

SHAPES = {"fine": (28, 28, 32), "middle": (14, 14, 96), "coarse": (7, 7, 320)}
BACKBONE = backbone_pb2.Backbone(
    name="backbones/big", input_size=[224, 224], endpoints=record.endpoints_of(SHAPES)
)


def plans(count: int, side: float) -> tuple[list[Plan], list[Size]]:
    """For pictures with one thing, so large as a share of them."""
    truths = [Truth.of([(0, 0, side * 1000, side * 1000)], [0])] * count
    return make_plans(BACKBONE, [(1000, 1000)] * count, truths), [(1000, 1000)] * count


@pytest.mark.parametrize("side", [0.5, 0.1, 0.03])
def test_what_is_counted_is_what_is_held(side: float) -> None:
    found, sizes = plans(2, side)
    plan = found[0]
    whole = [view for n in range(2) for view in whole_views(sizes[n], n, plan.geometry.reach)]
    train = training_views([b"a" * 32, b"b" * 32], sizes, 3, plan.share, seed=0)
    truths = [Truth.of([(0, 0, 100, 100)], [0])] * 2
    maps = [
        [np.zeros((len(views), *shape), np.float16) for shape in plan.shapes]
        for views in (whole, train)
    ]
    targets = make_targets([seen_in(view, truths) for view in train], plan.geometry.cells, 4)
    lesson = Lesson(
        plan,
        ("a", "b", "c", "d"),
        truths,
        sizes,
        np.arange(2),
        Views.made(maps[1], train),
        targets,
        Views.made(maps[0], whole),
        [view.parts[0].region for view in whole],
    )
    on_grid = [one for one in folded(lesson) if not any(one is some for some in maps[1])]
    fields = [targets.heat, targets.boxes, targets.weights, targets.counted]
    held = sum(one.nbytes for one in [*maps[0], *maps[1], *on_grid])
    held += sum(one.nbytes for one in fields)
    assert held_bytes(plan, sizes, 4, 3) == held


@pytest.mark.parametrize(
    ("count", "side", "views"), [(10, 0.5, 12), (100, 0.5, 12), (100, 0.06, 3)]
)
def test_a_small_data_set_is_seen_as_finely_and_often_as_ever(
    count: int, side: float, views: int
) -> None:
    found, sizes = plans(count, side)
    assert affordable(found, sizes, 10) == (found[0], views)


def test_many_pictures_are_seen_in_fewer_views_then_less_finely() -> None:
    taken = []
    for count in (300, 500, 1_000, 1_300, 3_000):
        found, sizes = plans(count, 0.06)
        plan, views = affordable(found, sizes, 10)
        assert held_bytes(plan, sizes, 10, views) <= MAX_BYTES
        taken.append((plan.geometry.side, plan.geometry.cell, views))
    assert taken == [(640, 16, 2), (640, 16, 1), (448, 16, 1), (320, 16, 2), (320, 32, 2)]


def test_a_plan_for_want_of_memory_says_so() -> None:
    found, sizes = plans(2_000, 0.06)
    assert "more memory" in affordable(found, sizes, 10)[0].reason
    assert "more memory" not in found[0].reason


def test_too_many_pictures_are_refused_with_what_they_take_and_what_helps() -> None:
    found, sizes = plans(10_000, 0.5)
    with pytest.raises(
        FailedPrecondition, match=r"take 3\d\d\d MiB .* take 2048; .* fewer"
    ) as raised:
        affordable(found, sizes, 10)
    assert raised.value.metadata["limit_bytes"] == str(MAX_BYTES)
    assert int(raised.value.metadata["bytes"]) > MAX_BYTES


def test_tiles_are_counted() -> None:
    found, sizes = plans(100, 0.01)
    whole = held_bytes(found[0], sizes, 10, 0) // (2 * found[0].numbers)
    assert whole > 2_000  # of 100 pictures
    assert affordable(found, sizes, 10)[0].geometry.side < found[0].geometry.side


def test_memory_is_half_of_what_the_trainer_may_take() -> None:
    manifest = Path("deploy/k8s/base/trainer.yaml").read_text(encoding="utf-8")
    limit = re.search(r"limits:\s+cpu: .*\s+memory: (\d+)Gi", manifest)
    assert limit
    assert int(limit[1]) * 1024**3 // 2 == MAX_BYTES
