"""From vectors to messages: order, bounds, unknown, the item at fault."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import InvalidArgument
from services.common.heads.base import Calibration, Floats
from services.common.heads.blocks import Blocks
from services.common.heads.familiarity import UNBOUNDED, Familiarity
from services.common.heads.linear import LinearHead
from services.common.heads.mlp import MlpHead
from services.predictor import answers
from services.predictor.answers import INLINE_COST, MAX_SCORES, cost, predict
from tests.support.predictor import DIM, linear, near, sure

RNG = np.random.default_rng(5)


def vectors(count: int) -> Floats:
    return RNG.normal(size=(count, DIM)).astype(np.float32)


def below(head: LinearHead, score: float) -> LinearHead:
    """The head, flagging answers with a score below this one."""
    odds = Familiarity.of(np.zeros(DIM), np.zeros((DIM, 0)))
    odds = odds.weighted(odds_weight=1.0, distance_weight=0.0, most_odds=UNBOUNDED)
    return head.calibrated(Calibration(), odds.flagging(float(np.log(score / (1 - score)))))


@pytest.mark.parametrize("classes", [2, 10, MAX_SCORES, MAX_SCORES + 1, 1000])
def test_scores_are_those_of_the_head_best_first_and_at_most_a_hundred(classes: int) -> None:
    head, x = linear([f"c{i}" for i in range(classes)]), vectors(5)
    proba = head.proba(x)
    for row, prediction in zip(proba, predict(head, x), strict=True):
        scores = {score.label: score.score for score in prediction.scores}
        best = sorted(row, reverse=True)[:MAX_SCORES]
        assert list(scores.values()) == pytest.approx(best)
        assert all(row[int(label[1:])] == pytest.approx(p) for label, p in scores.items())
        assert (prediction.label, prediction.score) == next(iter(scores.items()))


def test_equal_scores_keep_the_order_of_the_labels() -> None:
    head = linear([f"c{i}" for i in range(300)])
    head.weight[:] = 0
    first = predict(head, vectors(1))[0]
    assert [score.label for score in first.scores] == [f"c{i}" for i in range(MAX_SCORES)]


def test_of_several_labels_those_over_their_thresholds_are_told_most_probable_first() -> None:
    thresholds = np.array([0.2, 0.6, 0.9], np.float32)
    head = linear(("a", "b", "c")).calibrated(Calibration(0.5, -0.2, thresholds))
    x = vectors(40)
    found, proba = predict(head, x), head.proba(x)
    for row, prediction in zip(proba, found, strict=True):
        assert prediction.HasField("borne")
        told = [(one.label, one.score) for one in prediction.borne.labels]
        wanted = [(p, at) for at, p in enumerate(row) if p >= thresholds[at]]
        assert told == [("abc"[at], p) for p, at in sorted(wanted, reverse=True)]
        assert prediction.score == pytest.approx(float(row.max()))
    assert {0, 1, 2} <= {len(one.borne.labels) for one in found}
    assert not any(one.HasField("borne") for one in predict(linear(("a", "b")), x))


def test_an_unsure_answer_is_unknown_and_keeps_its_label() -> None:
    head, x = linear(("a", "b")), vectors(20)
    plain, flagged = predict(head, x), predict(below(head, 0.7), x)
    assert not any(one.unknown for one in plain)
    assert [one.unknown for one in flagged] == [one.score < 0.7 for one in plain]
    assert {one.unknown for one in flagged} == {True, False}
    assert [(one.label, one.score) for one in flagged] == [(p.label, p.score) for p in plain]


def test_an_item_unlike_all_examples_is_unknown_however_sure_the_head_is() -> None:
    known = vectors(40) * np.float32(0.1)
    x = known[:3].copy()
    x[1] += 10
    told = predict(sure("cat").calibrated(Calibration(), near(known, within=1)), x)
    assert [one.unknown for one in told] == [False, True, False]
    assert {(one.label, one.score > 0.99) for one in told} == {("cat", True)}


def test_a_vector_that_is_not_finite_names_its_item() -> None:
    x = vectors(4)
    x[2, 0] = np.nan
    with pytest.raises(InvalidArgument, match=r"items\[2\]") as caught:
        predict(linear(("a", "b")), x)
    assert caught.value.field == "items[2]"


def test_small_work_is_inline_and_large_work_is_not() -> None:
    small = linear([f"c{i}" for i in range(10)], dim=1280)
    assert cost(small, 8) < INLINE_COST < cost(small, 256)
    assert cost(linear([f"c{i}" for i in range(5000)], dim=1280), 1) > INLINE_COST


def test_all_that_an_item_is_multiplied_with_counts() -> None:
    labels = ("a", "b")
    plain = linear(labels, dim=1000)
    unsure = plain.calibrated(Calibration(), near(np.eye(2000, 1000, dtype=np.float32), within=1))
    hidden, output = np.ones((1000, 500), np.float32), np.ones((500, 2), np.float32)
    zeros = np.zeros(500, np.float32)
    network = MlpHead(labels, hidden, zeros, output, zeros[:2], blocks=Blocks.raw(1000))
    assert cost(unsure, 3) - cost(plain, 3) == pytest.approx(3 * 3 * 1000, rel=0.01)
    assert cost(network, 3) - cost(plain, 3) == pytest.approx(3 * 500 * 1000, rel=0.01)


def test_no_items_are_no_answers() -> None:
    assert predict(linear(("a", "b")), vectors(0)) == []
    assert answers.cost(linear(("a", "b")), 0) == 0
