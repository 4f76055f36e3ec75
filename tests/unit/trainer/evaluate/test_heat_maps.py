"""Class activation maps: the split is exact, and what is lit is where the evidence is."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.evaluate import heat_maps
from services.trainer.evaluate.heat_maps import (
    Look,
    contrast,
    explain,
    heat,
    linear,
    local,
    pick,
    shown,
)


def maps_of(*shapes: tuple[int, ...], count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal((count, *shape)).astype(np.float32) + 0.3 for shape in shapes]


def joined(maps: list[np.ndarray]) -> np.ndarray:
    blocks = [each.mean(axis=(1, 2)) for each in maps]
    return np.concatenate([b / np.linalg.norm(b, axis=1, keepdims=True) for b in blocks], axis=1)


@pytest.mark.parametrize(
    "shapes",
    [
        [(7, 7, 5)],
        [(14, 14, 3), (7, 7, 5)],
        [(56, 40, 2), (6, 5, 4), (3, 3, 8)],  # finer than is shown, and sides that do not divide
        [(1, 1, 4), (2, 3, 4)],
    ],
)
def test_the_mean_over_places_is_what_the_head_adds_up(shapes: list[tuple[int, ...]]) -> None:
    maps = maps_of(*shapes)
    x = joined(maps)
    weights = np.random.default_rng(2).standard_normal(x.shape).astype(np.float32)
    found = heat(weights, maps)
    assert max(found.shape[1:]) <= heat_maps.MAX_SIDE
    np.testing.assert_allclose(found.mean(axis=(1, 2)), (weights * x).sum(axis=1), atol=1e-5)


def test_the_place_of_the_evidence_is_hot_and_that_of_the_opposite_is_not() -> None:
    coarse, fine = np.zeros((1, 3, 3, 2), np.float32), np.zeros((1, 6, 6, 2), np.float32)
    coarse[0, 0, 2] = [4, 0]  # upper right: what speaks for class 0
    coarse[0, 2, 0] = [0, 4]  # lower left: what speaks for class 1
    fine[0, 1, 5], fine[0, 5, 0] = [9, 0], [0, 9]
    weight = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    for answer, hottest in ((0, (1, 5)), (1, (5, 0))):
        (found,) = heat(contrast(weight, answer)[None], [coarse, fine])
        assert np.unravel_index(found.argmax(), found.shape) == hottest
        scaled = shown(found)
        opposite = (5, 0) if answer == 0 else (1, 5)
        assert (scaled.max(), scaled[opposite], scaled.min()) == (1, 0, 0)
        # The coarse block lights its whole ninth of the picture, the fine one a quarter of that.
        corner = scaled[0:2, 4:6] if answer == 0 else scaled[4:6, 0:2]
        assert sorted((corner > 0).ravel()) == [True] * 4
        assert (scaled > 0).sum() == 4


def test_a_block_of_zeros_says_nothing() -> None:
    dark, lit = np.zeros((1, 3, 3, 2), np.float32), np.ones((1, 3, 3, 2), np.float32)
    weights = np.ones((1, 4), np.float32)
    np.testing.assert_allclose(heat(weights, [dark, lit]), heat(weights[:, 2:], [lit]))


def test_a_contrast_is_against_the_mean_of_all_others() -> None:
    weight = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]], np.float32)
    assert contrast(weight, 2).tolist() == [4.5, 3.0]
    assert contrast(weight[:, :2], 0).tolist() == [-1.0, 0.0]


@pytest.mark.parametrize("shapes", [[(14, 14, 3), (7, 7, 5)], [(40, 28, 2), (3, 4, 6)]])
def test_a_linear_head_has_the_same_heat_either_way(shapes: list[tuple[int, ...]]) -> None:
    maps = maps_of(*shapes)
    x = joined(maps).astype(np.float32)
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((x.shape[1], 4)).astype(np.float32)
    answers = [1, 3, 0]
    exact = linear(weight)(x, answers, maps)
    wanted = heat(np.stack([contrast(weight, answer) for answer in answers]), maps)
    assert np.array_equal(exact, wanted)
    around = local(lambda rows: np.asarray(rows @ weight + np.float32(2)))(x, answers, maps)
    assert around.shape == exact.shape
    assert np.allclose(around, exact, atol=2e-3 * np.abs(exact).max())


def test_any_other_head_has_the_heat_of_its_gradient() -> None:
    maps = maps_of((4, 4, 3), (2, 2, 5))
    x = joined(maps).astype(np.float32)
    rng = np.random.default_rng(4)
    first = rng.standard_normal((8, 16)).astype(np.float32)
    second = rng.standard_normal((16, 3)).astype(np.float32)
    found = local(lambda rows: np.asarray(np.tanh(rows @ first) @ second))(x, [2, 0, 1], maps)
    gradients = [
        (first * (1 - np.tanh(row @ first) ** 2)) @ contrast(second, answer)
        for row, answer in zip(x, (2, 0, 1), strict=True)
    ]
    wanted = heat(np.stack(gradients).astype(np.float32), maps)
    assert np.allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())


def test_a_dark_map_costs_no_sense_either() -> None:
    dark, lit = np.zeros((1, 3, 3, 2), np.float32), np.ones((1, 3, 3, 2), np.float32)
    x = np.array([[0, 0, 0.5**0.5, 0.5**0.5]], np.float32)
    found = local(lambda rows: np.asarray(rows[:, 2:]))(x, [0], [dark, lit])
    assert np.allclose(found, 0, atol=1e-4)


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
