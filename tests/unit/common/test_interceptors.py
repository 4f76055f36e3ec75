"""What surrounds a call: streams clean up before their call is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from services.common.interceptors import _forward


class Stuck:
    """A context whose caller reads nothing."""

    async def write(self, answer: int) -> None:
        await asyncio.Event().wait()


async def test_a_stream_whose_caller_leaves_is_closed_before_the_call_ends() -> None:
    closed: list[str] = []

    async def answers() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            closed.append("servicer")

    call = asyncio.ensure_future(_forward(answers(), Stuck()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as kept:
        await call
    assert closed == ["servicer"], kept  # though the exception, with its frames, is still there
