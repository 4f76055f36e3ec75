"""The client's own loop: whoever waits is answered, whatever ends it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
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


INTERRUPTED = """
import asyncio, signal, threading
from graft.client.loop import LoopThread

waiting, told = threading.Event(), []

async def numbers():
    try:
        waiting.set()
        await asyncio.sleep(60)
        yield 1
    finally:
        await asyncio.sleep(0.05)  # more than one turn of the loop
        told.append("unwound")

def interrupt():
    waiting.wait()
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

loop = LoopThread()
threading.Thread(target=interrupt, daemon=True).start()
try:
    next(loop.iterate(numbers()))
except KeyboardInterrupt:
    told.append("interrupted")
loop.close()
print(*told)
"""


def test_an_interrupted_step_unwinds_before_its_generator_is_closed() -> None:
    """In a process of its own: an interrupt that comes a moment late would hit the test runner."""
    command = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["unwound", "interrupted"]
