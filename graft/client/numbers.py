"""Whole numbers that go into messages."""

from __future__ import annotations

from typing import Final

from graft.errors import InvalidArgument

_END: Final = 2**63


def whole(value: int, field: str) -> int:
    """Answer `value` if an int64 of the protos holds it; raise InvalidArgument if not."""
    if not -_END <= value < _END:
        raise InvalidArgument(
            f"{field} is a whole number below 2 to the power of 63. Received: {value}", field=field
        )
    return value
