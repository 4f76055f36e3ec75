"""Folds, their networks, and the detector that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graft.detection.outcomes import outcomes
from graft.detection.resampling import map50
from graft.detection.scene import Answer, Scene, Truth
from services.common.detector.network import Network
from services.trainer.detection import training
from services.trainer.detection.training import FOLDS, Trained, answer_pictures, divide, scene_of
from services.trainer.detection.views import Part, View
from services.trainer.fitters.detector import Recipe, fit_network
from tests.support import blobs

RECIPE = Recipe(width=24, convolutions=2, steps=200, batch=16, dropout=0.0)


def fit(maps: Any, targets: Any, rows: Any, seed: int) -> tuple[Network, ...]:
    return fit_network(maps, targets, rows, RECIPE, seed=seed).networks


@pytest.fixture(scope="module")
def trained() -> Trained:
    return training.train(blobs.lesson(100, empty=10), fit, RECIPE.kept_at, seed=0)


def test_it_finds_what_it_had_not_seen(trained: Trained) -> None:
    assert map50(trained.scenes, 2) > 0.6
    asked = blobs.lesson(20, seed=5)
    found = answer_pictures(asked, trained.detector, np.arange(20))
    scenes = [scene_of(asked.truths[n], one) for n, one in found.items()]
    assert map50(scenes, 2) > 0.6


def test_every_picture_is_answered_by_a_network_that_had_not_seen_it() -> None:
    lesson, learned = blobs.lesson(15), []

    def note(maps: Any, targets: Any, rows: Any, seed: int) -> tuple[Network, ...]:
        learned.append(set(rows.tolist()))
        return (blobs.network(seed),) * len(RECIPE.kept_at)

    made = training.train(lesson, note, RECIPE.kept_at, seed=0)
    assert made.pictures.tolist() == list(range(15))
    assert len(learned) == len(made.detector.networks) == FOLDS
    for picture, fold in zip(made.pictures.tolist(), made.fold_of.tolist(), strict=True):
        assert picture not in learned[fold]


def test_views_of_pictures_that_are_held_out_are_not_learned_from() -> None:
    region = blobs.lesson(1).regions[0]
    views = [
        View((Part(0, region),)),
        View(tuple(Part(n, region) for n in (0, 1, 2, 3))),
        View((Part(3, region),)),
    ]
    made = training.Views.made([np.zeros((3, 1, 1, 1), np.float16)], views)
    assert made.of(np.array([0, 1, 2])).tolist() == [0]
    assert made.of(np.array([0, 1, 2, 3])).tolist() == [0, 1, 2]
    assert made.pictures.tolist() == [0, 0, 3]


def test_pictures_of_one_group_are_on_one_side() -> None:
    lesson = replace(blobs.lesson(20), groups=np.arange(20) // 4)
    for fold in divide(lesson, 0).folds:
        assert not set(lesson.groups[fold.train]) & set(lesson.groups[fold.test])


@pytest.mark.parametrize("truths", [[1], [1, 0], [0, 1, 0]])
def test_with_one_picture_of_a_thing_nothing_can_be_held_out(truths: Sequence[int]) -> None:
    lesson = blobs.lesson(len(truths))
    lesson = replace(
        lesson,
        truths=[
            one if has else Truth.of([], []) for one, has in zip(lesson.truths, truths, strict=True)
        ],
    )

    def untrained(maps: Any, targets: Any, rows: Any, seed: int) -> tuple[Network, ...]:
        assert len(rows) == len(truths)
        return (blobs.network(0), blobs.network(1), blobs.network(2))

    made = training.train(lesson, untrained, RECIPE.kept_at, seed=0)
    assert not made.scenes
    assert len(made.detector.networks) == 1
    np.testing.assert_array_equal(made.detector.networks[0].out, blobs.network(2).out)
    assert made.detector.thresholds.tolist() == [0.5, 0.5]


def test_two_pictures_are_held_out_in_turn() -> None:
    assert len(divide(blobs.lesson(2), 0).folds) == 2


def test_scores_are_probabilities_of_being_right(trained: Trained) -> None:
    scores = np.concatenate([scene.answer.scores for scene in trained.scenes])
    judged = [outcomes(trained.scenes, label) for label in range(2)]
    together = training.pooled(judged)
    assert together.scores.tolist() == sorted(scores, reverse=True)
    assert abs(together.scores.mean() - together.hits.mean()) < 0.1


def test_what_is_shown_is_known_and_what_is_far_from_it_unknown(trained: Trained) -> None:
    assert trained.detector.familiarity is not None
    strange = np.zeros((1, blobs.CELLS, blobs.CELLS, blobs.CHANNELS), np.float32)
    strange[..., -1] = 3
    found = trained.detector.answer([strange])[0]
    assert found.unknown.all()
    known = trained.detector.answer([blobs.maps_of(blobs.truths(10, seed=3)).astype(np.float32)])
    best = [one.unknown[0] for one in known if len(one.unknown)]
    assert np.mean(best) <= 0.3


def test_a_stated_precision_raises_thresholds_until_that_share_is_right(trained: Trained) -> None:
    balanced = training.thresholds_of(trained.scenes, 2)
    strict = training.thresholds_of(trained.scenes, 2, 0.95)
    assert (strict >= balanced).all()
    for label in range(2):
        score = outcomes(trained.scenes, label).at(float(strict[label]))
        assert score.precision is not None
        assert score.precision >= 0.9
    nothing = [Scene(truth, Answer.of([], [], [])) for truth in blobs.truths(20)]
    assert training.thresholds_of(nothing, 2, 0.9).tolist() == [0.5, 0.5]
