"""Which items run next, case by case; tests/properties/test_batching.py has the laws."""

from __future__ import annotations

import pytest

from services.embedder.batching.policy import Decision, Sizes, Waiting, next_batch

CUT = Sizes((1, 2, 4), cut=True)
PAD = Sizes((1, 2, 4), cut=False)
FREE = Sizes((1, 2, 3, 4), cut=False)
LIVE = Waiting(None, gone=False, alone=False)
GONE = Waiting(None, gone=True, alone=False)
LATE = Waiting(5.0, gone=False, alone=False)
SOON = Waiting(5.1, gone=False, alone=False)
ALONE = Waiting(None, gone=False, alone=True)


def decide(*waiting: Waiting, sizes: Sizes = FREE) -> Decision:
    return next_batch(waiting, now=5.0, sizes=sizes)


def test_an_empty_queue_gives_nothing() -> None:
    assert decide() == Decision((), 0, (), (), 0)


@pytest.mark.parametrize(("sizes", "rows"), [(CUT, 1), (PAD, 1), (FREE, 1)])
def test_one_item_runs_at_once(sizes: Sizes, rows: int) -> None:
    assert decide(LIVE, sizes=sizes) == Decision((0,), rows, (), (), 1)


def test_three_items_are_cut_to_two_padded_to_four_or_run_as_they_are() -> None:
    assert decide(*[LIVE] * 3, sizes=CUT) == Decision((0, 1), 2, (), (), 2)
    assert decide(*[LIVE] * 3, sizes=PAD) == Decision((0, 1, 2), 4, (), (), 3)
    assert decide(*[LIVE] * 3, sizes=FREE) == Decision((0, 1, 2), 3, (), (), 3)


def test_no_more_than_the_largest_size_is_taken() -> None:
    assert decide(*[LIVE] * 9) == Decision((0, 1, 2, 3), 4, (), (), 4)


def test_an_item_whose_deadline_is_now_is_too_late() -> None:
    assert decide(LATE, SOON) == Decision((1,), 1, (0,), (), 2)


def test_the_dead_are_dropped_and_those_behind_move_up() -> None:
    found = decide(GONE, LIVE, LATE, GONE, LIVE)
    assert found == Decision((1, 4), 2, (2,), (0, 3), 5)


def test_only_the_dead_leaves_no_batch() -> None:
    assert decide(GONE, LATE) == Decision((), 0, (1,), (0,), 2)


def test_the_dead_behind_a_cut_wait_for_the_next_look() -> None:
    assert decide(LIVE, LIVE, LIVE, GONE, sizes=CUT) == Decision((0, 1), 2, (), (), 2)
    assert decide(LIVE, GONE, LIVE, LATE, LIVE, sizes=CUT) == Decision((0, 2), 2, (3,), (1,), 4)


def test_an_item_to_be_tried_alone_is_alone() -> None:
    assert decide(ALONE, LIVE) == Decision((0,), 1, (), (), 1)
    assert decide(LIVE, ALONE, LIVE) == Decision((0,), 1, (), (), 1)
    assert decide(GONE, ALONE, ALONE) == Decision((1,), 1, (), (0,), 2)


def test_it_looks_no_further_than_the_batch_needs() -> None:
    def endless() -> object:
        yield from [LIVE] * 4
        raise AssertionError("looked too far")

    assert next_batch(endless(), now=0.0, sizes=FREE).scanned == 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "cut"),
    [((), False), ((0, 1), False), ((2, 1), False), ((1, 1), False), ((2, 4), True)],
)
def test_sizes_that_make_no_sense_are_refused(sizes: tuple[int, ...], cut: bool) -> None:
    with pytest.raises(ValueError, match="got"):
        Sizes(sizes, cut=cut)
