from __future__ import annotations

import numpy as np
import pytest

from graft.detection.counts import tally
from graft.detection.scene import Answer, Scene, Truth

BOX = (0.0, 0.0, 10.0, 10.0)


def scene(things: list[int], answers: list[tuple[int, float]], *, crowd: bool = False) -> Scene:
    truth = Truth.of([BOX] * len(things), things)
    truth.crowd[:] = crowd
    labels = [label for label, _ in answers]
    return Scene(truth, Answer.of([BOX] * len(answers), labels, [score for _, score in answers]))


def test_counts_are_of_answers_from_the_threshold_on() -> None:
    scenes = [
        scene([0, 0, 1], [(0, 0.9), (0, 0.5), (0, 0.4), (1, 0.9)]),
        scene([], [(0, 0.6), (0, 0.7), (0, 0.8)]),
        scene([0, 1], [(1, 0.9)]),
    ]
    found = tally(scenes, np.array([0.5, 0.95]))
    assert found.things.tolist() == [[2, 1], [0, 0], [1, 1]]
    assert found.answers.tolist() == [[2, 0], [3, 0], [0, 0]]
    one = found.score(0)
    assert one is not None
    assert one.mean_absolute_error == pytest.approx(4 / 3)
    assert one.bias == pytest.approx(2 / 3)
    assert one.exact == pytest.approx(1 / 3)
    assert (one.things, one.answers, one.pictures) == (3, 5, 3)


def test_a_picture_with_a_crowd_does_not_tell_how_many_of_its_label_there_are() -> None:
    found = tally([scene([0], [(0, 0.9), (1, 0.9)], crowd=True)], np.array([0.5, 0.5]))
    assert found.known.tolist() == [[False, True]]
    assert found.score(0) is None
    one = found.score(1)
    assert one is not None
    assert (one.bias, one.answers) == (1.0, 1)


def test_without_pictures_nothing_is_told() -> None:
    assert tally([], np.array([0.5])).score(0) is None
