"""Splitting many items into requests that a server takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from graft.client.connection import ServerInfo
from graft.client.sizes import checked_size
from graft.content import MESSAGE_SLACK_BYTES, Item, item_name
from graft.errors import GraftError

REQUEST_ITEMS: Final = 64
"""Items of one request, where the server takes that many: more gains nothing in throughput and
makes one slow answer of many."""

REQUEST_BYTES: Final = 8 << 20
"""The contents of one request, or a single larger one: what waits in memory on every hop, several
times over."""

REQUESTS_IN_FLIGHT: Final = 4
"""Enough to keep the embedder's device busy while a finished answer travels back."""

_ITEM_OVERHEAD_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """The positions, ascending, of items that travel together; `failures` are not sent at all."""

    positions: tuple[int, ...]
    failures: tuple[tuple[int, GraftError], ...] = ()


def split(items: Sequence[Item], limits: ServerInfo) -> Iterator[Batch]:
    """Yield batches within `limits` and REQUEST_BYTES; each position is in exactly one, once.

    An item that cannot be read, or that the server would refuse for its size, is a failure of the
    batch where it would have travelled.
    """
    bound = min(REQUEST_BYTES, limits.max_message_bytes - MESSAGE_SLACK_BYTES)
    count = min(REQUEST_ITEMS, limits.max_items)
    positions: list[int] = []
    failures: list[tuple[int, GraftError]] = []
    size = 0
    for position, item in enumerate(items):
        try:
            own = checked_size(item, item_name(item, position), limits) + _ITEM_OVERHEAD_BYTES
        except GraftError as error:
            failures.append((position, error))
            continue
        if positions and (len(positions) >= count or size + own > bound):
            yield Batch(tuple(positions), tuple(failures))
            positions, failures, size = [], [], 0
        positions.append(position)
        size += own
    if positions or failures:
        yield Batch(tuple(positions), tuple(failures))
