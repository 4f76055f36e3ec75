"""Run one function in several processes at once, each started afresh, and gather what they say."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

ANSWER_TIMEOUT_S = 50.0
_CONTEXT = multiprocessing.get_context("spawn")


def run_at_once(target: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call `target(meet, *args)` in one process for each; `meet()` waits until all are there."""
    barrier = _CONTEXT.Barrier(len(arguments))
    answers = _CONTEXT.Queue()
    processes = [
        _CONTEXT.Process(target=_call, args=(target, barrier, answers, args), daemon=True)
        for args in arguments
    ]
    for process in processes:
        process.start()
    try:
        return [answers.get(timeout=ANSWER_TIMEOUT_S) for _ in processes]
    finally:
        for process in processes:
            process.join(5.0)
            process.kill()
            process.join()
            process.close()
        answers.close()
        answers.join_thread()


def _call(target: Callable[..., Any], barrier: Barrier, answers: Any, args: Any) -> None:
    def meet() -> None:
        barrier.wait(ANSWER_TIMEOUT_S)

    try:
        answers.put(target(meet, *args))
    except Exception as error:
        answers.put(f"{type(error).__name__}: {error}")
        raise
