"""Many classes: bounded in time and memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from graft.trainer.v1 import training_job_pb2 as pb
from tests.support.embedder import FakeEmbedder
from tests.support.trainer import pictures, running, workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CLASSES = 10_000
MAX_WORKER_MIB = 1500


def peak_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def test_ten_thousand_classes_of_one_image(tmp_path: Path, embedder: FakeEmbedder) -> None:
    async with running(tmp_path, embedder.address) as trainer:
        dataset = await trainer.load("d", pictures(CLASSES, 1))
        assert dataset.summary.example_count == CLASSES
        assert len(dataset.labels) == CLASSES
        started = time.monotonic()
        done = await trainer.finish((await trainer.create("d")).name, timeout_s=120)
        assert done.state == pb.JOB_STATE_SUCCEEDED, done.error
        assert time.monotonic() - started < 100
        assert peak_mib(workers(os.getpid())[0]) < MAX_WORKER_MIB
        assert (done.result.embedded_count, done.result.version) == (CLASSES, 1)
