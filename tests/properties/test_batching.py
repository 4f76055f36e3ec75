"""Laws of the batching policy, over any queue and any device."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.embedder.batching.policy import Sizes, Waiting, next_batch

NOW = 100.0

waiting = st.builds(
    Waiting,
    st.one_of(st.none(), st.floats(90.0, 110.0)),
    gone=st.booleans(),
    alone=st.sampled_from([False, False, False, True]),
)
queues = st.lists(waiting, max_size=60)
sizes = st.builds(
    lambda more, cut: Sizes((1, *sorted(more - {1})), cut=cut),
    st.sets(st.integers(2, 20), max_size=5),
    st.booleans(),
)


def dead(item: Waiting) -> bool:
    return item.gone or (item.deadline is not None and item.deadline <= NOW)


@given(queue=queues, sizes=sizes)
def test_a_batch_fits_its_rows_and_its_rows_are_a_size(queue: list[Waiting], sizes: Sizes) -> None:
    decision = next_batch(queue, now=NOW, sizes=sizes)
    assert len(decision.batch) <= decision.rows <= sizes.largest
    assert decision.rows in sizes.sizes or not decision.batch
    assert len(decision.batch) == decision.rows or not sizes.cut


@given(queue=queues, sizes=sizes)
def test_what_is_scanned_is_divided_without_rest(queue: list[Waiting], sizes: Sizes) -> None:
    decision = next_batch(queue, now=NOW, sizes=sizes)
    parts = sorted((*decision.batch, *decision.expired, *decision.gone))
    assert parts == list(range(decision.scanned))


@given(queue=queues, sizes=sizes)
def test_the_dead_never_reach_the_device_and_the_living_are_never_dropped(
    queue: list[Waiting], sizes: Sizes
) -> None:
    decision = next_batch(queue, now=NOW, sizes=sizes)
    assert not any(dead(queue[index]) for index in decision.batch)
    assert all(dead(queue[index]) for index in (*decision.expired, *decision.gone))


@given(queue=queues, sizes=sizes)
def test_an_item_to_be_tried_alone_shares_with_nobody(queue: list[Waiting], sizes: Sizes) -> None:
    decision = next_batch(queue, now=NOW, sizes=sizes)
    assert len(decision.batch) == 1 or not any(queue[i].alone for i in decision.batch)


@given(queue=queues, sizes=sizes)
def test_pulling_until_empty_answers_every_item_once_and_in_order(
    queue: list[Waiting], sizes: Sizes
) -> None:
    left, ran, dropped = list(enumerate(queue)), [], []
    while left:
        decision = next_batch((item for _, item in left), now=NOW, sizes=sizes)
        assert decision.scanned > 0  # it always gets on
        ran += [left[index][0] for index in decision.batch]
        dropped += [left[index][0] for index in (*decision.expired, *decision.gone)]
        left = left[decision.scanned :]
    assert ran == [index for index, item in enumerate(queue) if not dead(item)]
    assert sorted(dropped) == [index for index, item in enumerate(queue) if dead(item)]
