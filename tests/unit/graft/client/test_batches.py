"""Splitting, as a law: every item travels once, in order, within the limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graft.client.batches import REQUEST_ITEMS, split
from graft.client.connection import ServerInfo
from graft.content import MESSAGE_SLACK_BYTES

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
