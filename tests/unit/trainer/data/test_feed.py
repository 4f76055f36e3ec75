from __future__ import annotations

import asyncio

import pytest

from services.trainer.data.feed import MAX_WAITING, Feed


async def test_batches_arrive_in_order_and_end() -> None:
    feed: Feed[int] = Feed()
    reading = asyncio.create_task(asyncio.to_thread(list, feed))
    for number in range(10):
        assert await feed.put(number)
    feed.end()
    assert await reading == list(range(10))


async def test_only_a_few_batches_wait() -> None:
    feed: Feed[int] = Feed()
    for number in range(MAX_WAITING):
        await feed.put(number)
    more = asyncio.create_task(feed.put(99))
    done, _ = await asyncio.wait({more}, timeout=0.02)
    assert not done
    reading = asyncio.create_task(asyncio.to_thread(list, feed))
    assert await more
    feed.end()
    assert await reading == [*range(MAX_WAITING), 99]


async def test_an_error_reaches_the_thread() -> None:
    feed: Feed[int] = Feed()
    reading = asyncio.create_task(asyncio.to_thread(list, feed))
    await feed.put(1)
    feed.end(ValueError("broke off"))
    with pytest.raises(ValueError, match="broke off"):
        await reading


async def test_a_thread_that_left_does_not_hold_the_coroutine() -> None:
    feed: Feed[int] = Feed()
    for number in range(MAX_WAITING):
        await feed.put(number)
    waiting = [asyncio.create_task(feed.put(9)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.leave()
    assert await asyncio.gather(*waiting) == [False, False, False]
