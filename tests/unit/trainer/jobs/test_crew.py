"""The crew where no process can be started at all."""

from __future__ import annotations

import sys

import pytest

from graft.errors import FailedPrecondition
from services.trainer.jobs.crew import Crew


async def test_a_worker_that_cannot_be_started_breaks_neither_the_job_nor_its_runner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    crew = Crew({})
    for _ in range(2):
        with pytest.raises(FailedPrecondition, match="cannot be started"):
            await crew.worker()
        await crew.release()
        await crew.dismiss()
