"""The client's own loop: whoever waits is answered, whatever ends it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from graft.client.loop import LoopThread
from graft.errors import Cancelled, FailedPrecondition


def test_closing_answers_those_who_still_wait() -> None:
    loop, begun = LoopThread(), threading.Event()

    async def never() -> None:
        begun.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(loop.run, never())
        assert begun.wait(10)
        loop.close()
        with pytest.raises(Cancelled, match="closed"):
            waiting.result(10)


def test_a_closed_loop_refuses_work_and_may_be_closed_again() -> None:
    loop = LoopThread()
    assert loop.run(asyncio.sleep(0, 7)) == 7
    loop.close()
    loop.close()
    assert loop.closed
    with pytest.raises(FailedPrecondition, match="closed"):
        loop.run(asyncio.sleep(0))
