"""Numbers as a person writes them. Pure."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb


def percent(share: float) -> str:
    """A share as a person writes it: 0.734 is `73%`; 0.004 `0.4%`, so that little is not none."""
    value = 100 * share
    near_end = 0 < value < 1 or 99 < value < 100
    return f"{value:.1f}%" if near_end else f"{value:.0f}%"


def span(found: pb.Interval) -> str:
    """The range of an interval: `62% to 85%`."""
    return f"{percent(found.low)} to {percent(found.high)}"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 example`, `1,200 examples`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
