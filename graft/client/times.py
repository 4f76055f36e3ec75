"""Times on the wire as Python's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def optional_time(message: Any, field: str) -> datetime | None:
    """Answer the time in a field, in UTC, or None where it is absent."""
    if not message.HasField(field):
        return None
    stamp: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return stamp
