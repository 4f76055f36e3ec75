"""When a crashed service is started again, and when it is given up; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_CRASHES: Final = 5
WINDOW_S: Final = 60.0
FIRST_DELAY_S: Final = 0.5
MAX_DELAY_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Crash:
    """An end that nobody asked for: when (seconds of a steady clock), and had it ever served."""

    at: float
    served: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do: start again after `delay_s`, or never; `crashes` is the count that decided."""

    delay_s: float | None
    crashes: int


def judge(crashes: Sequence[Crash]) -> Verdict:
    """Decide after the last of `crashes`, which are in order and not empty.

    What counts is what fell in the last minute, or in a row without ever having served: a service
    that dies after ten seconds of start-up would otherwise be tried for ever.
    """
    recent = sum(1 for crash in crashes if crashes[-1].at - crash.at < WINDOW_S)
    unserved = 0
    for crash in reversed(crashes):
        if crash.served:
            break
        unserved += 1
    count = max(recent, unserved)
    if count >= MAX_CRASHES:
        return Verdict(None, count)
    return Verdict(min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (count - 1)), count)
