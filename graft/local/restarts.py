"""When a crashed service is started again, and when it is given up; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

REFUSED_STATUS: Final = 2
"""The exit status of a service whose settings make no sense, as of a command used wrongly."""

MAX_CRASHES: Final = 5
WINDOW_S: Final = 60.0
FIRST_DELAY_S: Final = 0.5
MAX_DELAY_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Crash:
    """An end that nobody asked for: when (seconds of a steady clock), had it ever served, and did
    it refuse its settings, which starting it again would not mend.
    """

    at: float
    served: bool
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do: start again after `delay_s`, or never; `crashes` is the count that decided."""

    delay_s: float | None
    crashes: int


def judge(crashes: Sequence[Crash]) -> Verdict:
    """Decide after the last of `crashes`, which are in order and not empty.

    What counts is what fell in the last minute, or in a row without ever having served: a service
    that dies after ten seconds of start-up would otherwise be tried for ever. One that refuses its
    settings is given up at once.
    """
    if crashes[-1].refused:
        return Verdict(None, len(crashes))
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
