"""The bridge to threads: bounded, cancellable, carries the request id."""

from __future__ import annotations

import asyncio
import threading

import pytest

from graft.errors import Unavailable
from services.common import blocking, telemetry
from services.common.blocking import Bridge


async def test_a_call_runs_in_another_thread_with_the_request_id() -> None:
    bridge = Bridge("t", 1)
    telemetry.begin_request("abc")
    seen = await bridge.run(lambda: (threading.current_thread().name, telemetry.request_id()))
    assert seen[0].startswith("t")
    assert seen[1] == "abc"
    bridge.close()


async def test_too_many_waiting_calls_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "MAX_WAITING_PER_THREAD", 1)
    bridge = Bridge("t", 1)
    gate = threading.Event()
    admitted = [asyncio.ensure_future(bridge.run(gate.wait, 10)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="2 calls already wait") as caught:
        await bridge.run(gate.wait, 10)
    assert caught.value.retry_after_s
    gate.set()
    assert await asyncio.gather(*admitted) == [True, True]
    assert await bridge.run(lambda: 1) == 1  # room again
    bridge.close()


async def test_a_cancelled_caller_frees_its_place_only_when_its_thread_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocking, "MAX_WAITING_PER_THREAD", 0)
    bridge = Bridge("t", 1)
    gate, entered = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        gate.wait(10)

    held = asyncio.ensure_future(bridge.run(hold))
    await asyncio.to_thread(entered.wait, 10)
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    with pytest.raises(Unavailable):
        await bridge.run(hold)
    gate.set()
    await asyncio.to_thread(bridge.close)


async def test_an_exception_reaches_the_caller() -> None:
    bridge = Bridge("t", 1)
    with pytest.raises(ZeroDivisionError):
        await bridge.run(lambda: 1 // 0)
    bridge.close()
