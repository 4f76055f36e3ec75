from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.detection import outcomes as outcomes_module
from graft.detection.matching import Judgement, judge
from graft.detection.outcomes import Outcomes, outcomes
from graft.detection.scene import Answer, Scene, Truth
from graft.detection.threshold import Curve
from tests.support.scenes import random_scenes

HERE = (0.0, 0.0, 10.0, 10.0)
THERE = (100.0, 0.0, 10.0, 10.0)


def of(scores: list[float], hits: list[bool], things: int) -> Outcomes:
    return Outcomes(np.array(scores), np.array(hits, np.bool_), things)


def test_answers_of_all_pictures_most_certain_first() -> None:
    truth = Truth.of([HERE, THERE], [0, 1])
    scenes = [
        Scene(truth, Answer.of([HERE, HERE], [0, 0], [0.3, 0.5])),
        Scene(truth, Answer.of([THERE, HERE], [0, 0], [0.9, 0.4])),
    ]
    found = outcomes(scenes, 0)
    assert found.scores.tolist() == [0.9, 0.5, 0.4, 0.3]
    assert found.hits.tolist() == [False, True, True, False]
    assert found.things == 2
    half = found.at(0.5)
    assert (half.precision, half.recall, half.f1, half.count) == (0.5, 0.5, 0.5, 2)


def test_an_answer_in_a_crowd_is_neither_right_nor_wrong() -> None:
    truth = Truth(np.array([HERE, THERE]), np.array([0, 0]), np.array([True, False]))
    found = outcomes([Scene(truth, Answer.of([HERE, HERE, THERE], [0, 0, 0], [1, 1, 0.5]))], 0)
    assert found.scores.tolist() == [0.5]
    assert found.hits.tolist() == [True]
    assert found.things == 1


def test_nothing_answered_and_nothing_there() -> None:
    nothing = Scene(Truth.of([], []), Answer.of([], [], []))
    score = outcomes([nothing], 0).at(0.0)
    assert (score.precision, score.recall, score.f1, score.count) == (None, None, 0.0, 0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.floats(0, 1))
def test_hits_do_not_depend_on_less_certain_answers(seed: int, cut: float) -> None:
    scenes = random_scenes(np.random.default_rng(seed), 4, 2, 8, 15, 0.1, 5)
    above = []
    for scene in scenes:
        kept = scene.answer.scores >= cut
        answer = Answer(
            scene.answer.boxes[kept], scene.answer.labels[kept], scene.answer.scores[kept]
        )
        above.append(Scene(scene.truth, answer))
    for label in range(2):
        assert outcomes(scenes, label).at(cut) == outcomes(above, label).at(cut)


def test_answers_of_one_score_are_given_together_or_not_at_all() -> None:
    curve = Curve.of(of([0.9, 0.5, 0.5, 0.5], [True, True, False, False], 4))
    assert curve.thresholds.tolist() == [0.9, 0.5]
    assert curve.precision.tolist() == [1.0, 0.5]
    assert curve.recall.tolist() == [0.25, 0.5]
    best = curve.best_f1()
    assert best is not None
    assert (best.threshold, best.f1) == (0.5, 0.5)


def test_the_threshold_for_a_precision_finds_most() -> None:
    hits = [True, False, True, True, True, False]
    curve = Curve.of(of([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], hits, 5))
    found = curve.for_precision(0.8)
    assert found is not None
    assert (found.threshold, found.precision, found.recall) == (0.5, 0.8, 0.8)
    few = curve.for_precision(0.9)
    assert few is not None
    assert few.threshold == 0.9


def test_where_no_threshold_keeps_a_promise_there_is_none() -> None:
    assert Curve.of(of([0.9, 0.9], [True, False], 3)).for_precision(0.6) is None
    assert Curve.of(of([0.9], [False], 3)).best_f1() is None
    assert Curve.of(of([], [], 3)).best_f1() is None
    assert Curve.of(of([0.9], [False], 0)).for_precision(0.0) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30),
    st.integers(0, 10),
)
def test_no_score_that_occurs_beats_the_best_f1(rows: list[tuple[int, bool]], more: int) -> None:
    rows.sort(key=lambda row: -row[0])
    found = of([float(score) for score, _ in rows], [hit for _, hit in rows], 0)
    found = Outcomes(found.scores, found.hits, int(found.hits.sum()) + more)
    best = Curve.of(found).best_f1()
    every = [found.at(float(score)).f1 for score in range(7)]
    if best is None:
        assert max(every) == 0.0
    else:
        assert best.f1 == pytest.approx(max(every))
        assert found.at(best.threshold).f1 == pytest.approx(best.f1)


def test_each_label_is_judged_where_it_is_borne_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = 40
    rng = np.random.default_rng(0)
    scenes = []
    for number in range(labels):
        own, other = number % (labels // 2), int(rng.integers(0, labels // 2))
        answer = Answer.of([HERE, THERE], [own, other], [1, 0.5])
        scenes.append(Scene(Truth.of([HERE], [own]), answer))
    wanted = [outcomes_module.outcomes(scenes, label) for label in range(labels)]
    seen: list[int] = []

    def judged(scene: Scene, label: int) -> Judgement:
        seen.append(label)
        return judge(scene, label)

    monkeypatch.setattr(outcomes_module, "judge", judged)
    found = outcomes_module.outcomes_of_each(scenes, labels)
    assert len(seen) <= 2 * len(scenes)
    for one, same in zip(found, wanted, strict=True):
        assert np.array_equal(one.scores, same.scores)
        assert np.array_equal(one.hits, same.hits)
        assert one.things == same.things
