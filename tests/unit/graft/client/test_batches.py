"""Splitting, as a law: every item travels once, in order, within the limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graft.client.batches import REQUEST_BYTES, REQUEST_ITEMS, split
from graft.client.connection import ServerInfo
from graft.content import MESSAGE_SLACK_BYTES, Joint

SIZES = st.lists(st.integers(0, 40_000), max_size=300)


@given(sizes=SIZES, max_items=st.integers(1, 100), room=st.integers(1_000, 60_000))
def test_every_item_travels_once_in_order_within_the_limits(
    sizes: list[int], max_items: int, room: int
) -> None:
    info = ServerInfo("x", "0", MESSAGE_SLACK_BYTES + room, max_items, 30_000, 1)
    batches = list(split([bytes(size) for size in sizes], info))
    sent = [position for batch in batches for position in batch.positions]
    refused = [position for batch in batches for position, _ in batch.failures]
    assert sent == sorted(sent)
    assert sorted(sent + refused) == list(range(len(sizes)))
    assert refused == [n for n, size in enumerate(sizes) if size > min(room, 30_000)]
    for batch in batches:
        assert len(batch.positions) <= min(max_items, REQUEST_ITEMS)
        total = sum(sizes[position] for position in batch.positions)
        assert total <= room


def test_a_batch_is_no_larger_than_it_has_to_be_and_a_larger_item_travels_alone() -> None:
    info = ServerInfo("x", "0", 64 << 20, 64, 20 << 20, 1)
    third, large = bytes(REQUEST_BYTES // 3), bytes(2 * REQUEST_BYTES)
    batches = split([third, third, third, large, third, third], info)
    assert [batch.positions for batch in batches] == [(0, 1), (2,), (3,), (4, 5)]


def test_a_joint_item_counts_with_both_parts_and_each_has_its_own_bound() -> None:
    info = ServerInfo("x", "0", MESSAGE_SLACK_BYTES + 10_000, 64, 6_000, 1, max_text_bytes=5_000)
    fitting, long, large = (
        Joint(bytes(5_000), "a"),
        Joint(b"", "x" * 5_001),
        Joint(bytes(6_001), ""),
    )
    both = Joint(bytes(6_000), "x" * 5_000)  # either is small enough, but not the message
    batches = list(split([fitting, long, large, both, fitting], info))
    assert [position for batch in batches for position in batch.positions] == [0, 4]
    assert len(batches) == 2
    failures = dict(failure for batch in batches for failure in batch.failures)
    reasons = {position: error.reason for position, error in failures.items()}
    assert reasons == {1: "TEXT_TOO_LARGE", 2: "IMAGE_TOO_LARGE", 3: "IMAGE_TOO_LARGE"}
