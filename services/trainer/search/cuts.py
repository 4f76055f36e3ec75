"""Where to cut the backbone: which endpoints' vectors are joined, and how long each block is. Pure.

The last layer knows what the backbone was trained to tell apart; earlier ones know edges, textures
and parts, of which a task far from that one may need more. An earlier block is weighed less the
more steps it lies before the last: how much less is one of the things that the data decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT: Final = "default"
MAX_JOINED: Final = 4
"""Endpoints joined at most: what lies further ahead is edges and colours."""
# How long a block is for each step that it lies before the last one; 1: all weigh the same.
_FALLING: Final = (0.6, 1.0)


@dataclass(frozen=True)
class Cut:
    """Endpoints, the last layer first, and the length that the block of each is scaled to."""

    endpoints: tuple[str, ...]
    lengths: tuple[float, ...]

    def __str__(self) -> str:
        return " + ".join(
            name if length == 1 else f"{length:g} {name}"
            for name, length in zip(self.endpoints, self.lengths, strict=True)
        )


LAST: Final = Cut((DEFAULT,), (1.0,))


def candidate_cuts(endpoints: Sequence[str]) -> tuple[Cut, ...]:
    """The cuts worth comparing, simplest first; `endpoints` are ordered from early to late, and
    `default` is the last layer wherever it stands."""
    earlier = [name for name in reversed(endpoints) if name != DEFAULT][: MAX_JOINED - 1]
    found = [LAST]
    for count in range(1, len(earlier) + 1):
        names = (DEFAULT, *earlier[:count])
        found += [
            Cut(names, tuple(round(falling**step, 2) for step in range(count + 1)))
            for falling in _FALLING
        ]
    found += [Cut((name,), (1.0,)) for name in earlier]
    return tuple(found)
