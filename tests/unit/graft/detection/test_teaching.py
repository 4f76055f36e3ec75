"""Which pictures would teach a detector most."""

from __future__ import annotations

import numpy as np
import pytest

from graft.detection import teaching
from graft.detection.teaching import Guess, teaching_order, worths


def _guess(*given: float, doubtful: tuple[float, ...] = (), unknown: tuple[int, ...] = ()) -> Guess:
    flags = np.zeros(len(given), np.bool_)
    flags[list(unknown)] = True
    return Guess(np.array(given), flags, np.array(doubtful))


@pytest.mark.parametrize(
    ("guess", "wanted"),
    [
        (_guess(0.9, 0.6), 0.5),
        (_guess(0.9, doubtful=(0.3, 0.2)), 0.6),
        (_guess(0.9, 0.8, unknown=(1,)), 1.1),
        (_guess(1.0), 0.0),
        (_guess(), 0.0),
    ],
)
def test_a_picture_is_worth_the_corrections_that_are_expected(guess: Guess, wanted: float) -> None:
    assert guess.corrections() == pytest.approx(wanted)


def test_a_picture_without_answers_is_worth_more_where_others_show_things() -> None:
    crowded = worths([_guess(0.95), _guess(0.9), _guess(1.0), _guess()])
    assert crowded.argmax() == 3
    empty = worths([_guess(), _guess(), _guess(), _guess(0.5)])
    assert empty.argmax() == 3
    assert empty[0] == pytest.approx(2 / 6)
    assert worths([_guess(doubtful=(0.4, 0.5))])[0] == pytest.approx(0.9)


def test_the_most_uncertain_comes_first_and_its_likes_come_late() -> None:
    vectors = np.array([[1, 0, 0], [1, 0.01, 0], [0, 1, 0], [0, 0, 1]], np.float64)
    worth = np.array([1.0, 0.99, 0.3, 0.2])
    assert teaching_order(worth, vectors).tolist() == [0, 2, 3, 1]


def test_of_pictures_equally_far_apart_the_worth_decides() -> None:
    assert teaching_order(np.array([0.1, 0.3, 0.2]), np.eye(3)).tolist() == [1, 2, 0]


def test_of_pictures_that_are_worth_nothing_those_far_apart_come_first() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [1, 0.2]], np.float64)
    order = teaching_order(np.zeros(4), vectors).tolist()
    assert {order[0], order[1]} & {2}
    assert sorted(order) == [0, 1, 2, 3]


def test_every_picture_has_a_place_and_the_order_can_be_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    worth, vectors = rng.uniform(size=60), rng.normal(size=(60, 8))
    whole = teaching_order(worth, vectors)
    assert sorted(whole.tolist()) == list(range(60))
    assert np.array_equal(whole, teaching_order(worth, 3 * vectors))
    monkeypatch.setattr(teaching, "MAX_APART", 20)
    short = teaching_order(worth, vectors)
    assert short[:20].tolist() == whole[:20].tolist()
    assert (np.diff(worth[short[20:]]) <= 0).all()


def test_no_picture_at_all_and_one_without_a_vector() -> None:
    assert worths([]).shape == (0,)
    assert teaching_order(np.zeros(0), np.zeros((0, 3))).shape == (0,)
    assert teaching_order(np.ones(2), np.zeros((2, 3))).tolist() in ([0, 1], [1, 0])
