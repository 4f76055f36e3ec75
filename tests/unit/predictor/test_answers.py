"""From vectors to messages: order, bounds, unknown, the item at fault."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import InvalidArgument
from services.predictor import answers
from services.predictor.answers import INLINE_COST, MAX_SCORES, cost, predict
from tests.support.predictor import DIM, linear

RNG = np.random.default_rng(5)


def vectors(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return RNG.normal(size=(count, DIM)).astype(np.float32)


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


def test_an_unsure_answer_is_unknown_and_keeps_its_label() -> None:
    x = vectors(3)
    assert all(one.unknown for one in predict(linear(("a", "b"), unknown_below=1.1), x))
    assert not any(one.unknown for one in predict(linear(("a", "b")), x))
    assert all(one.label for one in predict(linear(("a", "b"), unknown_below=1.1), x))


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


def test_no_items_are_no_answers() -> None:
    assert predict(linear(("a", "b")), vectors(0)) == []
    assert answers.cost(linear(("a", "b")), 0) == 0
