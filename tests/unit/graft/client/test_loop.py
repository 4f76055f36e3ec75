"""The client's own loop: whoever waits is answered, whatever ends it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
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


def test_an_interrupted_step_unwinds_before_its_generator_is_closed() -> None:
    waiting, told = threading.Event(), list[str]()

    async def numbers() -> AsyncIterator[int]:
        try:
            waiting.set()
            await asyncio.sleep(60)
            yield 1
        finally:
            await asyncio.sleep(0.05)  # more than one turn of the loop
            told.append("unwound")

    def interrupt() -> None:
        waiting.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    loop = LoopThread()
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        next(loop.iterate(numbers()))
    loop.close()
    assert told == ["unwound"]
