"""Which reports of progress are worth an event in the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 0.5
SHARE: Final = 0.02
"""Progress is written at most every half second and, later on, every 2% of the time passed: the
events of a job stay a few hundred however long it runs."""


class Pace:
    """Decides which reports of progress are worth an event; `clock` answers seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._last = 0.0
        self._phase = ""

    def due(self, phase: str) -> bool:
        """Whether to write now; a new phase always is."""
        now = self._clock() - self._start
        wait = max(EVERY_S, now * SHARE)
        if phase == self._phase and now - self._last < wait:
            return False
        self._phase, self._last = phase, now
        return True
