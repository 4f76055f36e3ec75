"""What names mean: followed in the store by those who ask, answered from memory.

    age of the knowledge     a request
    up to FRESH_S            is answered from memory
    up to STALE_S            is answered from memory, and one refresh runs behind it
    older (an idle model)    waits for the refresh, KNOWN_WAIT_S at most
    nothing known            waits for the refresh, UNKNOWN_WAIT_S at most

So a change shows within two seconds and a model in use never waits. A store that is away costs
the models already loaded nothing: once it is known to be away nobody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from graft.errors import DataLoss, GraftError, NotFound, Unavailable
from services.common import metrics
from services.predictor.served import Name, Revision, Servable
from services.predictor.versions import Load, Switch, View, Withdraw, follow

_LOG = logging.getLogger(__name__)

FRESH_S: Final = 1.0
STALE_S: Final = 1.75
KNOWN_WAIT_S: Final = 0.25
UNKNOWN_WAIT_S: Final = 10.0

MAX_NAMES: Final = 20_000
"""Names remembered, about 1 KiB each; those asked for longest ago are forgotten."""

MAX_REFRESHES: Final = 256
"""Refreshes that may run at once; names that need one more are answered as they are known."""

Reader = Callable[[Name, Servable | None], Awaitable[Servable]]
Loader = Callable[[Servable], Awaitable[None]]


class _Entry:
    """One name: what it means to requests, and how old that knowledge is."""

    __slots__ = ("checked_at", "complaint", "error", "name", "refresh", "serving", "tried_at")

    def __init__(self, name: Name) -> None:
        self.name = name
        self.serving: Servable | None = None
        self.error: GraftError | None = None  # why nothing serves
        self.complaint = ""  # the last that was logged, so that it is logged once
        self.checked_at = -math.inf  # when the store last said what the name means
        self.tried_at = -math.inf  # when it was last asked
        self.refresh: asyncio.Task[None] | None = None

    @property
    def unanswered(self) -> bool:
        """Whether the last refresh found nothing that could serve."""
        return self.serving is None and self.refresh is None and self.error is not None


class Source:
    """Owns what each name means; `read` asks the store, `load` brings a head into memory.

    Whatever a refresh meets, requests for a version that was loaded once go on being answered,
    unless the store says that the name is gone.
    """

    def __init__(
        self, read: Reader, load: Loader, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._load = load
        self._clock = clock
        self._entries: OrderedDict[Name, _Entry] = OrderedDict()
        self._refreshes: set[asyncio.Task[None]] = set()
        self._away = False

    def known(self, name: Name) -> Servable | None:
        """What a name means if memory can tell at once; begins a refresh where one is due."""
        entry = self._entries.get(name)
        if entry is None or entry.serving is None:
            return None
        now = self._clock()
        age = now - entry.checked_at
        if age > FRESH_S:
            self._begin(entry)
            if age > STALE_S and not self._away and now - entry.tried_at < KNOWN_WAIT_S:
                return None
        self._entries.move_to_end(name)
        return entry.serving

    async def resolve(self, name: Name) -> Servable:
        """What a name means; NotFound, DataLoss or Unavailable when no version can answer."""
        if (servable := self.known(name)) is not None:
            return servable
        entry = self._entry(name)
        if entry.unanswered and self._clock() - entry.tried_at <= FRESH_S:
            return _meaning(entry)
        self._begin(entry)
        if entry.refresh is not None:
            # Waiting is not owning: a caller who goes away leaves the refresh running.
            seconds = UNKNOWN_WAIT_S if entry.serving is None else KNOWN_WAIT_S
            await asyncio.wait({entry.refresh}, timeout=seconds)
        return _meaning(entry)

    def _entry(self, name: Name) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = _Entry(name)
            if len(self._entries) > MAX_NAMES:
                self._entries.popitem(last=False)
        return entry

    def _begin(self, entry: _Entry) -> None:
        """Start the one refresh of a name, unless it runs, has just run, or too many do."""
        now = self._clock()
        recent = entry.serving is not None and now - entry.tried_at <= FRESH_S
        if entry.refresh is not None or recent or len(self._refreshes) >= MAX_REFRESHES:
            return
        entry.tried_at = now
        task = entry.refresh = asyncio.get_running_loop().create_task(self._refresh(entry))
        self._refreshes.add(task)
        task.add_done_callback(lambda task: self._ended(entry, task))

    def _ended(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        entry.refresh = None
        self._refreshes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a bug in a refresh", exc_info=error)

    async def _refresh(self, entry: _Entry) -> None:
        try:
            wanted = await self._read(entry.name, entry.serving)
        except NotFound as error:
            self._note_answer(entry)
            self._missing(entry, error)
        except DataLoss as error:
            self._note_answer(entry)
            self._complain(entry, error)
        except GraftError as error:
            self._note_failure(error)
            entry.error = error
        else:
            self._note_answer(entry)
            await self._follow(entry, wanted)

    def _missing(self, entry: _Entry, error: NotFound) -> None:
        """Withdraw what is gone; an alias that points at nothing leaves the last version there."""
        entry.error = error
        serving = entry.serving
        if serving is None:
            return
        if error.metadata.get("name") in (str(entry.name), serving.text):
            self._act(entry, follow(View(wanted=None, serving=serving.revision)), None)
        else:
            self._complain(entry, error)

    async def _follow(self, entry: _Entry, wanted: Servable) -> None:
        """Take the steps that the policy names until it names none."""
        ready: frozenset[Revision] = frozenset()
        refused: frozenset[Revision] = frozenset()
        while True:
            serving = entry.serving.revision if entry.serving else None
            step = follow(View(wanted.revision, serving, ready, refused))
            if step is None:
                return
            if not isinstance(step, Load):
                self._act(entry, step, wanted)
                continue
            try:
                await self._load(wanted)
                ready = frozenset({wanted.revision})
            except GraftError as error:
                refused = frozenset({wanted.revision})
                self._complain(entry, error)

    def _act(
        self, entry: _Entry, step: Switch | Withdraw | Load | None, wanted: Servable | None
    ) -> None:
        if isinstance(step, Switch):
            entry.serving, entry.error, entry.complaint = wanted, None, ""
        elif isinstance(step, Withdraw):
            entry.serving = None
        extra = {"model": str(entry.name), "means": _text(entry.serving)}
        _LOG.info("a name means another version", extra=extra)

    def _complain(self, entry: _Entry, error: GraftError) -> None:
        """Note a version that cannot be served; it is tried again with every refresh."""
        entry.error = error
        metrics.STORE_FAILURES.labels("load").inc()
        if entry.complaint != str(error):
            entry.complaint = str(error)
            extra = {"model": str(entry.name), "serving": _text(entry.serving)}
            _LOG.error("a version cannot be served: %s", error, extra=extra)

    def _note_answer(self, entry: _Entry) -> None:
        entry.checked_at = self._clock()
        if self._away:
            self._away = False
            _LOG.info("the store answers again")

    def _note_failure(self, error: GraftError) -> None:
        """Count a failure of the store; write one log line for each time it goes away."""
        metrics.STORE_FAILURES.labels("resolve").inc()
        if not self._away:
            self._away = True
            _LOG.warning("the store fails; answering from memory", extra={"error": str(error)})

    async def close(self) -> None:
        """End the refreshes under way."""
        for task in list(self._refreshes):
            task.cancel()
        await asyncio.gather(*self._refreshes, return_exceptions=True)


def _meaning(entry: _Entry) -> Servable:
    if entry.serving is not None:
        return entry.serving
    if entry.error is not None:
        raise entry.error.with_traceback(None)
    raise Unavailable(
        f"the object store did not say in time what {entry.name} means; retry."
        f" Received: {str(entry.name)!r}",
        reason="STORE_UNAVAILABLE",
        retry_after_s=1.0,
    )


def _text(servable: Servable | None) -> str:
    return servable.text if servable else ""
