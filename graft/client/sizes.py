"""Whether an item is small enough to be sent."""

from __future__ import annotations

from graft.client.connection import ServerInfo
from graft.content import (
    MESSAGE_SLACK_BYTES,
    Item,
    Url,
    is_text,
    item_size,
    parts_of,
    too_large,
)
from graft.errors import InvalidArgument


def most_bytes(item: Item, limits: ServerInfo) -> int:
    """The most that one part of an item may take on the wire."""
    return min(limits.largest(text=is_text(item)), limits.max_message_bytes - MESSAGE_SLACK_BYTES)


def checked_size(item: Item, name: str, limits: ServerInfo) -> int:
    """Answer the bytes to count for an item, those of a Url being the most that it may have.

    Raises InvalidArgument for one that a server refuses for its size, and what `item_size` raises.
    """
    parts = parts_of(item)
    total = sum(_checked(part, name, limits) for part in parts)
    bound = limits.max_message_bytes - MESSAGE_SLACK_BYTES
    if len(parts) > 1 and total > bound:
        raise _too_large(parts[0], name, total, bound)
    return total


def _checked(part: Item, name: str, limits: ServerInfo) -> int:
    size, limit = item_size(part), most_bytes(part, limits)
    if size > limit:
        raise _too_large(part, name, size, limit)
    return limit if isinstance(part, Url) else size


def _too_large(part: Item, name: str, size: int, limit: int) -> InvalidArgument:
    problem = too_large(name, size, limit, text=is_text(part))
    return InvalidArgument(
        problem.message, reason=problem.reason, metadata={"limit": str(limit), "unit": "bytes"}
    )
