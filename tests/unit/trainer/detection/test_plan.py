"""What a detector looks at, from how large the things are."""

from __future__ import annotations

import pytest

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from services.common.backbones import record
from services.trainer.detection.plan import (
    _LESS,
    LADDER,
    LEAST_CELLS,
    LEAST_REACH,
    make_plans,
    maps_of,
)

SHAPES = {
    "early": (56, 56, 24),
    "fine": (28, 28, 32),
    "middle": (14, 14, 96),
    "coarse": (7, 7, 320),
    "wide": (7, 7, 1280),
    "default": (1280,),
}


def backbone(**shapes: tuple[int, ...]) -> backbone_pb2.Backbone:
    return backbone_pb2.Backbone(
        name="backbones/big",
        input_size=[224, 224],
        endpoints=record.endpoints_of(shapes or SHAPES),
    )


def things(
    side: float, count: int = 20, size: int = 1000
) -> tuple[list[tuple[int, int]], list[Truth]]:
    step = size / 5
    truths = [
        Truth.of([((n % 5) * step, (n // 5) * step, side * size, side * size)], [0])
        for n in range(count)
    ]
    return [(size, size)] * count, truths


def test_one_map_a_stride_is_taken_and_of_several_the_narrowest() -> None:
    found = {stride: endpoint.name for stride, endpoint in maps_of(backbone()).items()}
    assert found == {8: "fine", 16: "middle", 32: "coarse"}


def test_a_backbone_without_maps_cannot_detect() -> None:
    with pytest.raises(FailedPrecondition, match="no feature map of stride 8, 16, 32"):
        maps_of(backbone(default=(1280,)))


def test_smaller_things_are_looked_at_with_more_pixels_and_finer_cells() -> None:
    taken = []
    for side in (0.5, 0.12, 0.08, 0.06):
        plan = make_plans(backbone(), *things(side))[0]
        taken.append((plan.geometry.side, plan.geometry.cell))
        assert side * plan.geometry.side / plan.geometry.cell >= LEAST_CELLS
        assert plan.share == 1.0
        assert plan.geometry.reach == 1000
    assert taken == [(320, 32), (320, 16), (448, 16), (640, 16)]


def test_tiny_things_are_looked_at_in_tiles() -> None:
    plan = make_plans(backbone(), *things(0.03))[0]
    assert (plan.geometry.side, plan.geometry.cell) == (640, 16)
    assert LEAST_REACH <= plan.share < 1
    assert plan.geometry.reach == pytest.approx(plan.share * 1000)


def test_tiles_stay_where_they_are_when_things_are_a_little_larger() -> None:
    first, second = (
        make_plans(backbone(), *things(side))[0].geometry.reach for side in (0.029, 0.0305)
    )
    assert first == second == pytest.approx(600)


def test_behind_the_plan_stand_those_with_fewer_cells() -> None:
    for side in (0.5, 0.06, 0.03):
        plans = make_plans(backbone(), *things(side))
        best = plans[0].geometry
        rungs = [(plan.geometry.side, plan.geometry.cell) for plan in plans]
        assert rungs == [*reversed(LADDER[: LADDER.index((best.side, best.cell)) + 1])]
        assert {plan.geometry.reach for plan in plans} == {best.reach}
        assert sorted({plan.numbers for plan in plans}, reverse=True) == [
            plan.numbers for plan in plans
        ]
        assert [plan.reason.endswith(_LESS) for plan in plans] == [False] + [True] * (
            len(plans) - 1
        )


def test_things_that_stand_close_get_finer_cells() -> None:
    apart = [Truth.of([(0, 0, 300, 300), (700, 700, 300, 300)], [0, 0])] * 5
    close = [Truth.of([(10, 0, 200, 200), (65, 0, 200, 200)], [0, 0])] * 5
    sizes = [(1000, 1000)] * 5
    assert make_plans(backbone(), sizes, apart)[0].geometry.cell == 32
    assert make_plans(backbone(), sizes, close)[0].geometry.cell == 16


def test_the_maps_are_those_about_as_fine_as_the_cells_and_coarser() -> None:
    plan = make_plans(backbone(), *things(0.5))[0]
    assert (plan.endpoints, plan.channels, plan.geometry.strides) == (
        ("middle", "coarse"),
        (96, 320),
        (16, 32),
    )
    assert make_plans(backbone(), *things(0.1))[0].endpoints == ("fine", "middle", "coarse")


def test_a_coarse_map_alone_is_taken_as_it_is() -> None:
    plan = make_plans(backbone(coarse=(7, 7, 320)), *things(0.03))[0]
    assert plan.endpoints == ("coarse",)
    assert plan.geometry.cell >= 16


def test_a_backbone_of_one_size_is_taken_at_that() -> None:
    plan = make_plans(backbone(), *things(0.12), side_alone=True)[0]
    assert (plan.geometry.side, plan.geometry.cell) == (224, 8)
    assert "takes no other size" in plan.reason


def test_two_labels_on_one_box_are_one_place() -> None:
    both = [Truth.of([(0, 0, 300, 300), (0, 0, 300, 300)], [0, 1])] * 5
    assert make_plans(backbone(), [(1000, 1000)] * 5, both)[0].geometry.cell == 32
