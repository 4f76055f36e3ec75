"""Class activation maps: the split is exact, and what is lit is where the evidence is."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.blocks import Block, Blocks
from services.common.heads.linear import LinearHead
from services.common.heads.mlp import MlpHead
from services.trainer.evaluate import heat_maps
from services.trainer.evaluate.heat_maps import Look, contrast, explain, heat, pick, shown, spread

LABELS = ("a", "b", "c")
ANSWERS = [1, 2, 0]


def maps_of(*shapes: tuple[int, ...], count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal((count, *shape)).astype(np.float32) + 0.3 for shape in shapes]


def vectors_of(maps: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([each.mean(axis=(1, 2)) for each in maps], axis=1)


def blocks_of(maps: list[np.ndarray]) -> Blocks:
    """One block as it is, one of length 1, one of its root and of length 2, and so on."""
    kinds = [(0.0, False), (1.0, False), (2.0, True), (0.0, True)]
    dims = [each.shape[3] for each in maps]
    return Blocks(tuple(Block(dim, *kinds[i % 4]) for i, dim in enumerate(dims)))


def linear(blocks: Blocks, classes: int = 3) -> LinearHead:
    rng = np.random.default_rng(2)
    weight = rng.standard_normal((blocks.dim, classes)).astype(np.float32)
    bias = rng.standard_normal(classes).astype(np.float32)
    return LinearHead(LABELS[:classes], weight, bias, blocks=blocks)


SHAPES = [
    [(7, 7, 5)],
    [(14, 14, 3), (7, 7, 5)],
    [(56, 40, 2), (6, 5, 4), (3, 3, 8), (2, 2, 3)],  # finer than is shown; sides that do not divide
    [(1, 1, 4), (2, 3, 4)],
]


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_mean_over_places_is_what_a_linear_head_adds_up(shapes: list[tuple[int, ...]]) -> None:
    maps = maps_of(*shapes)
    head = linear(blocks_of(maps))
    found = heat(head, maps, ANSWERS)
    assert max(found.shape[1:]) <= heat_maps.MAX_SIDE
    logits = head.logits(vectors_of(maps)) - head.bias
    wanted = [contrast(row[None], answer)[0] for row, answer in zip(logits, ANSWERS, strict=True)]
    assert np.allclose(found.mean(axis=(1, 2)), wanted, atol=1e-4)


@pytest.mark.parametrize("block", [Block(5, 0.0), Block(5), Block(5, 2.0, True), Block(5, 0, True)])
def test_what_places_add_is_on_the_mean_what_the_head_makes_of_the_vector(block: Block) -> None:
    (maps,) = maps_of((7, 6, 5))
    maps[:, :, :, 2] = 0  # a channel that is dark everywhere
    blocks = Blocks((block,))
    found = spread(blocks, maps)
    assert found.shape == maps.shape
    wanted = blocks.features(maps.mean(axis=(1, 2)))
    assert np.allclose(found.mean(axis=(1, 2)), wanted, atol=1e-5)


def test_a_block_may_span_several_endpoints() -> None:
    maps = maps_of((4, 4, 3), (2, 2, 5))
    head = linear(Blocks.unit(8))
    logits = head.logits(vectors_of(maps)) - head.bias
    found = heat(head, maps, [0, 0, 0])
    assert np.allclose(found.mean(axis=(1, 2)), contrast(logits, 0), atol=1e-5)


def test_the_place_of_the_evidence_is_hot_and_that_of_the_opposite_is_not() -> None:
    coarse, fine = np.zeros((1, 3, 3, 2), np.float32), np.zeros((1, 6, 6, 2), np.float32)
    coarse[0, 0, 2] = [4, 0]  # upper right: what speaks for class 0
    coarse[0, 2, 0] = [0, 4]  # lower left: what speaks for class 1
    fine[0, 1, 5], fine[0, 5, 0] = [9, 0], [0, 9]
    weight = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    head = LinearHead(LABELS, weight, np.zeros(3, np.float32), blocks=Blocks((Block(2), Block(2))))
    for answer, hottest, opposite in ((0, (1, 5), (5, 0)), (1, (5, 0), (1, 5))):
        (found,) = heat(head, [coarse, fine], [answer])
        scaled = shown(found)
        assert (scaled[hottest], scaled[opposite], scaled.min()) == (1, 0, 0)
        # The coarse block lights its whole ninth of the picture, the fine one a quarter of that.
        corner = scaled[0:2, 4:6] if answer == 0 else scaled[4:6, 0:2]
        assert (corner > 0).all()
        assert (scaled > 0).sum() == 4


def test_a_dark_map_says_nothing() -> None:
    dark, lit = np.zeros((1, 3, 3, 2), np.float32), np.ones((1, 3, 3, 2), np.float32)
    blocks = Blocks((Block(2), Block(2)))
    head = linear(blocks)
    alone = LinearHead(LABELS, head.weight[2:], head.bias, blocks=Blocks.unit(2))
    assert np.allclose(heat(head, [dark, lit], [1]), heat(alone, [lit], [1]))


def test_a_contrast_is_against_the_mean_of_all_others() -> None:
    weight = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]], np.float32)
    assert contrast(weight, 2).tolist() == [4.5, 3.0]
    assert contrast(weight[:, :2], 0).tolist() == [-1.0, 0.0]


def network(blocks: Blocks) -> MlpHead:
    rng = np.random.default_rng(4)
    sizes = ((blocks.dim, 16), (16,), (16, 3), (3,))
    arrays = [rng.standard_normal(size).astype(np.float32) for size in sizes]
    return MlpHead(LABELS, *arrays, blocks=blocks)


def test_any_other_head_has_the_heat_of_its_gradient() -> None:
    maps = maps_of((4, 4, 3), (2, 2, 5))
    head = network(blocks_of(maps))
    found = heat(head, maps, ANSWERS)
    features = head.blocks.features(vectors_of(maps))
    active = features @ head.hidden + head.hidden_bias > 0
    for row, answer in enumerate(ANSWERS):
        gradient = (head.hidden * active[row]) @ contrast(head.output, answer)
        tangent = LinearHead(
            LABELS[:2],
            np.stack([gradient / 2, -gradient / 2], axis=1, dtype=np.float32),
            np.zeros(2, np.float32),
            blocks=head.blocks,
        )
        wanted = heat(tangent, [each[row : row + 1] for each in maps], [0])[0]
        assert np.allclose(found[row], wanted, atol=5e-3 * np.abs(wanted).max())


def test_other_heads_stand_dark_maps_too() -> None:
    dark, lit = np.zeros((1, 3, 3, 2), np.float32), maps_of((3, 3, 2), count=1)[0]
    assert np.isfinite(heat(network(Blocks((Block(2), Block(2)))), [dark, lit], [0])).all()
    assert not heat(network(Blocks.unit(2)), [dark], [0]).any()


def test_a_vector_is_explained_by_its_own_map_or_by_one_whose_mean_it_is() -> None:
    own, last = maps_of((4, 4, 6), (2, 2, 6))
    positive = np.maximum(last, 0)
    vectors = {"stride16": own.mean(axis=(1, 2)), "default": positive.mean(axis=(1, 2))}
    maps = {"last": last, "stride16": own, "other": np.ones((3, 2, 2, 5), np.float32)}
    found = explain(vectors, maps)
    assert found is not None
    assert list(found) == ["stride16", "default"]
    np.testing.assert_array_equal(found["stride16"], own)
    np.testing.assert_array_equal(found["default"], positive)


@pytest.mark.parametrize("count", [1, 3])
def test_half_precision_is_near_enough(count: int) -> None:
    (last,) = maps_of((7, 7, 320), count=count)
    vectors = {"default": last.mean(axis=(1, 2)).astype(np.float16).astype(np.float32)}
    assert explain(vectors, {"last": last.astype(np.float16).astype(np.float32)}) is not None


def test_what_no_map_explains_is_not_explained_in_part() -> None:
    own, last = maps_of((4, 4, 6), (2, 2, 6))
    vectors = {"stride16": own.mean(axis=(1, 2)), "default": last.mean(axis=(1, 2))[:, ::-1]}
    assert explain(vectors, {"stride16": own, "last": last}) is None
    assert explain({"default": own.mean(axis=(1, 2))}, {}) is None


def test_nothing_that_speaks_for_the_answer_is_all_dark() -> None:
    assert shown(np.full((2, 2), -1.0, np.float32)).tolist() == [[0, 0], [0, 0]]


def look_at(proba: list[list[float]], truth: list[int], most: int) -> list[Look]:
    items = np.arange(len(truth)) + 100
    return pick(np.array(proba, np.float32), np.array(truth), items, most=most)


def test_the_most_confident_wrong_ones_come_first_then_right_ones_of_each_class() -> None:
    proba = [
        [0.9, 0.1, 0.0],  # right, class 0
        [0.8, 0.2, 0.0],  # right, class 0
        [0.3, 0.7, 0.0],  # right, class 1
        [0.6, 0.4, 0.0],  # wrong
        [0.0, 0.3, 0.7],  # wrong
        [0.5, 0.3, 0.2],  # wrong
    ]
    truth = [0, 0, 1, 1, 1, 2]
    assert look_at(proba, truth, 4) == [
        Look(104, 1, 2),
        Look(103, 1, 0),
        Look(100, 0, 0),
        Look(102, 1, 1),
    ]
    assert [look.item for look in look_at(proba, truth, 6)] == [104, 103, 105, 100, 102, 101]


def test_where_one_kind_is_scarce_the_other_takes_its_room() -> None:
    right = [[0.9, 0.1]] * 5
    assert len(look_at(right, [0] * 5, 4)) == 4
    assert len(look_at(right, [1, 1, 1, 1, 0], 4)) == 4
    assert len(look_at(right, [1] * 5, 4)) == 4
    assert len(look_at(right[:2], [0, 1], 12)) == 2
