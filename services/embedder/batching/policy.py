"""Which waiting items run next: a pure function of the queue and the clock.

A batch is formed when the device asks for one, with no timer: an idle device starts at once and a
busy one finds a fuller queue. Items are counted, not requests, so a large request spreads over
several batches and none ever exceeds the largest device size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Waiting(NamedTuple):
    """What the policy knows of one item. `deadline` is on the clock of `now`, or None."""

    deadline: float | None
    gone: bool
    """Its caller has left; nobody wants the answer."""
    alone: bool
    """It was in a batch that failed, and is tried once more by itself."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The batch sizes that a device runs, ascending.

    With `cut`, a batch is cut down to the largest size that it fills and the rest waits: right
    where the cost grows with every row (a CPU). Without, it is padded up to the next size: right
    where a row more costs next to nothing (a GPU).
    """

    sizes: tuple[int, ...]
    cut: bool

    def __post_init__(self) -> None:
        if not self.sizes or self.sizes[0] < 1 or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"sizes must ascend from at least 1; got {self.sizes}")
        if self.cut and self.sizes[0] != 1:
            raise ValueError(f"cutting down needs a size of 1; got {self.sizes}")

    @property
    def largest(self) -> int:
        """The most items in one batch."""
        return self.sizes[-1]

    def take(self, ready: int) -> tuple[int, int]:
        """(items, rows) of the batch to run when `ready` items could: items <= rows <= largest."""
        if self.cut:
            rows = self.sizes[bisect_right(self.sizes, ready) - 1]
            return rows, rows
        items = min(ready, self.largest)
        return items, self.sizes[bisect_left(self.sizes, items)]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with the first `scanned` items of the queue; indices count from its head.

    Every index below `scanned` is in exactly one of `batch`, `expired` and `gone`.
    """

    batch: tuple[int, ...]
    rows: int
    expired: tuple[int, ...]
    gone: tuple[int, ...]
    scanned: int


def next_batch(waiting: Iterable[Waiting], *, now: float, sizes: Sizes) -> Decision:
    """Decides on the head of the queue; looks no further than the batch needs.

    Order is kept. Items whose caller has gone or whose deadline has passed never reach the device.
    An item to be tried alone is a batch of its own.
    """
    batch: list[int] = []
    expired: list[int] = []
    gone: list[int] = []
    for index, item in enumerate(waiting):
        if item.alone and batch:
            break
        if item.gone:
            gone.append(index)
        elif item.deadline is not None and item.deadline <= now:
            expired.append(index)
        else:
            batch.append(index)
            if item.alone or len(batch) == sizes.largest:
                break
    return _cut(batch, expired, gone, sizes)


def _cut(batch: list[int], expired: list[int], gone: list[int], sizes: Sizes) -> Decision:
    """Leaves in the queue what the batch is cut down by, and everything behind it."""
    items, rows = sizes.take(len(batch)) if batch else (0, 0)
    whole = max((*batch, *expired, *gone), default=-1) + 1
    scanned = batch[items] if items < len(batch) else whole
    return Decision(
        tuple(batch[:items]),
        rows,
        tuple(i for i in expired if i < scanned),
        tuple(i for i in gone if i < scanned),
        scanned,
    )
