"""Asking a service about many items: batches in flight, answered in the order of the items."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

from graft.client.batches import REQUESTS_IN_FLIGHT, Batch, split
from graft.client.connection import ServerInfo
from graft.content import Item, item_name, load
from graft.errors import GraftError

_ITEM_FIELD = re.compile(r"items\[(\d+)\]")

Send = Callable[[list[Any]], Coroutine[Any, Any, list[Any]]]
"""Sends contents and answers one value each."""


async def ask_each(
    items: Sequence[Item], limits: ServerInfo, send: Send
) -> AsyncGenerator[Any, None]:
    """Yield for each item, in order, what `send` answers, or the GraftError that is its own; a
    bounded number of requests is in flight. Raises an error that is about no item."""
    batches = split(items, limits)
    flying: deque[asyncio.Task[list[Any]]] = deque()
    try:
        while True:
            while len(flying) < REQUESTS_IN_FLIGHT and (batch := next(batches, None)):
                flying.append(asyncio.create_task(_answer(items, batch, send)))
            if not flying:
                return
            for answer in await flying[0]:
                yield answer
            flying.popleft()
    finally:
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)


async def _answer(items: Sequence[Item], batch: Batch, send: Send) -> list[Any]:
    """Answer a batch in the order of its items; the error of one item is only its own.

    The server answers all of a request or names the first bad item: that one is set aside and the
    rest sent again, at most once an item. An error that names no item is everybody's.
    """
    answers: dict[int, Any] = dict(batch.failures)
    contents = {}
    for position in batch.positions:
        try:
            contents[position] = await asyncio.to_thread(load, items[position])
        except GraftError as error:
            answers[position] = error
    while contents:
        sent = list(contents)
        try:
            replies = await send(list(contents.values()))
        except GraftError as error:
            bad = _culprit(error, sent)
            answers[bad] = _renamed(error, bad, items[bad])
            del contents[bad]
        else:
            answers.update(zip(sent, replies, strict=True))
            break
    return [answers[position] for position in sorted(answers)]


def _culprit(error: GraftError, sent: Sequence[int]) -> int:
    """Answer the position of the item that an error is about, or raise the error itself."""
    match = _ITEM_FIELD.match(error.field)
    if match is None or int(match[1]) >= len(sent):
        raise error
    return sent[int(match[1])]


def _renamed(error: GraftError, position: int, item: Item) -> GraftError:
    """Make an error whose field counts as the caller does and whose text names the item's file."""
    match = _ITEM_FIELD.match(error.field)
    assert match is not None
    there, here = match[0], f"items[{position}]"
    return type(error)(
        error.message.replace(there, item_name(item, position)),
        reason=error.reason,
        field=error.field.replace(there, here),
        metadata=error.metadata,
        retry_after_s=error.retry_after_s,
    )
