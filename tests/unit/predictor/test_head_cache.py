"""The cache of heads: one load for all who wait, room made of idle heads, nothing freed in use."""

from __future__ import annotations

import asyncio

import pytest

from graft.errors import DataLoss, ResourceExhausted, Unavailable
from graft.names import VersionName
from services.common import metrics
from services.common.heads.head import Head
from services.predictor import head_cache
from services.predictor.head_cache import HeadCache
from services.predictor.served import Leg, Route, Servable
from tests.support.predictor import linear

HEAD = linear(("cat", "dog"))
ROUTE = Route((Leg("backbones/fake", ("default",), (HEAD.dim,), ""),))


def servable(number: int, size: int = 10) -> Servable:
    version = VersionName.parse(f"projects/default/models/m{number}/versions/1")
    return Servable(f"{version}@e", version, str(version), ROUTE, size)


class Loads:
    """A loader that notes what it is asked for; `gate` holds it back, `failing` breaks it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing = False

    async def __call__(self, wanted: Servable) -> Head:
        self.asked.append(wanted.revision)
        await self.gate.wait()
        if self.failing:
            raise DataLoss("the head is damaged")
        return HEAD


@pytest.fixture
def loads() -> Loads:
    return Loads()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def count(result: str) -> float:
    return float(metrics.HEAD_CACHE.labels(result)._value.get())


async def test_a_head_is_loaded_once_and_held(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=100)
    before = [count(result) for result in ("miss", "hit")]
    for _ in range(3):
        with await cache.acquire([servable(1)]) as heads:
            assert heads == [HEAD]
    assert loads.asked == [servable(1).revision]
    assert (cache.used_bytes, len(cache)) == (10, 1)
    assert [count(result) for result in ("miss", "hit")] == [before[0] + 1, before[1] + 2]
    assert metrics.HEAD_CACHE_BYTES._value.get() == 10
    assert metrics.HEAD_CACHE_HEADS._value.get() == 1


async def test_many_who_ask_at_once_share_one_load_and_one_who_leaves_takes_nobody_along(
    loads: Loads,
) -> None:
    cache = HeadCache(loads, budget_bytes=100)
    loads.gate.clear()
    waiting = [asyncio.ensure_future(cache.acquire([servable(1)])) for _ in range(5)]
    await settle()
    waiting[0].cancel()  # the one who began the load
    await settle()
    loads.gate.set()
    others = await asyncio.gather(*waiting[1:])
    assert [handles.heads for handles in others] == [[HEAD]] * 4
    assert waiting[0].cancelled()
    assert len(loads.asked) == 1
    for handles in others:
        with handles:
            pass
    with await cache.acquire([servable(2, 100)]):  # nobody is counted for ever
        assert servable(1).revision not in cache


async def test_a_load_that_everybody_left_still_fills_the_cache(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=100)
    loads.gate.clear()
    waiting = asyncio.ensure_future(cache.acquire([servable(1)]))
    await settle()
    waiting.cancel()
    loads.gate.set()
    await settle()
    assert servable(1).revision in cache


async def test_a_failed_load_answers_all_who_wait_and_is_tried_again(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=100)
    loads.failing = True
    answers = await asyncio.gather(
        *(cache.acquire([servable(1)]) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [DataLoss] * 3
    assert (cache.used_bytes, len(cache), len(loads.asked)) == (0, 0, 1)
    loads.failing = False
    with await cache.acquire([servable(1)]) as heads:
        assert heads == [HEAD]


async def test_the_head_used_longest_ago_makes_room(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=30)
    before = count("evicted")
    for number in (1, 2, 3, 1, 4):
        await cache.load(servable(number))
    assert [servable(n).revision in cache for n in (1, 2, 3, 4)] == [True, False, True, True]
    assert cache.used_bytes == 30
    assert count("evicted") == before + 1


async def test_a_head_in_use_stays_and_the_new_one_waits_for_room(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=20)
    with await cache.acquire([servable(1)]), await cache.acquire([servable(2)]):
        waiting = asyncio.ensure_future(cache.acquire([servable(3)]))
        await settle()
        assert not waiting.done()
        assert cache.used_bytes == 20
    with await waiting:
        assert cache.used_bytes == 20
        assert servable(1).revision not in cache


async def test_room_that_nobody_gives_back_is_not_waited_for_for_ever(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_cache, "ROOM_WAIT_S", 0.01)
    cache = HeadCache(loads, budget_bytes=10)
    with await cache.acquire([servable(1)]):
        with pytest.raises(Unavailable, match="GRAFT_HEAD_CACHE_MIB") as caught:
            await cache.acquire([servable(2)])
        assert caught.value.reason == "OVERLOADED"
        assert caught.value.retry_after_s is not None
    with await cache.acquire([servable(2)]):
        assert cache.used_bytes == 10


async def test_a_head_larger_than_the_cache_is_refused_unread(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=30)
    await cache.load(servable(1))
    with pytest.raises(ResourceExhausted, match="GRAFT_HEAD_CACHE_MIB"):
        await cache.acquire([servable(2, 31)])
    with pytest.raises(ResourceExhausted, match="4 models"):
        await cache.acquire([servable(n) for n in range(4)])
    assert loads.asked == [servable(1).revision]
    assert servable(1).revision in cache


async def test_two_who_want_many_heads_each_do_not_wait_for_each_other_for_ever(
    loads: Loads,
) -> None:
    cache = HeadCache(loads, budget_bytes=40)

    async def use(numbers: list[int]) -> int:
        with await cache.acquire([servable(number) for number in numbers]) as heads:
            await asyncio.sleep(0)
            return len(heads)

    wants = [[1, 2, 3, 4], [5, 6, 7, 8], [4, 3, 2, 1], [9], [8, 1]] * 4
    async with asyncio.timeout(4):  # less than ROOM_WAIT_S
        assert await asyncio.gather(*map(use, wants)) == [len(want) for want in wants]
    assert cache.used_bytes <= 40


async def test_one_that_fails_of_many_gives_the_others_back(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=40)
    await cache.load(servable(1))
    loads.failing = True
    with pytest.raises(DataLoss):
        await cache.acquire([servable(1), servable(2)])
    loads.failing = False
    with await cache.acquire([servable(3, 40)]):
        assert servable(1).revision not in cache


async def test_one_that_fails_while_another_is_waited_for_gives_that_back_too() -> None:
    slow = asyncio.Event()

    async def load(wanted: Servable) -> Head:
        if wanted.revision == servable(2).revision:
            raise DataLoss("the head is damaged")
        await slow.wait()
        return HEAD

    cache = HeadCache(load, budget_bytes=40)
    asking = asyncio.ensure_future(cache.acquire([servable(1), servable(2)]))
    await settle()
    slow.set()
    with pytest.raises(DataLoss):
        await asking
    with await cache.acquire([servable(3, 40)]):
        assert servable(1).revision not in cache


async def test_too_many_loads_at_once_are_refused(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_cache, "MAX_LOADS", 2)
    cache = HeadCache(loads, budget_bytes=100)
    loads.gate.clear()
    waiting = [asyncio.ensure_future(cache.acquire([servable(n)])) for n in (1, 2)]
    await settle()
    with pytest.raises(Unavailable, match="2 heads"):
        await cache.acquire([servable(3)])
    loads.gate.set()
    for handles in await asyncio.gather(*waiting):
        with handles:
            pass


async def test_closing_ends_the_loads(loads: Loads) -> None:
    cache = HeadCache(loads, budget_bytes=100)
    loads.gate.clear()
    waiting = asyncio.ensure_future(cache.acquire([servable(1)]))
    await settle()
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert cache.used_bytes == 0
