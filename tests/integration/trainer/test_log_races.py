"""Two processes that write the log of one job at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import open_store
from services.trainer.jobs import state
from services.trainer.jobs.log import JobLog
from tests.support.suite import ROOT

NAME = JobName("p", "j")
EACH = 40
WRITER = """
import asyncio, sys
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.blocking import Bridge
from services.common.store import open_store
from services.trainer.jobs.book import JobBook
from services.trainer.jobs.log import JobLog

async def main(url, unit, count):
    bridge = Bridge("store", 2)
    book = JobBook(JobLog(open_store(url, {})), bridge)
    print("ready", flush=True)
    sys.stdin.readline()
    for done in range(count):
        step = pb.Progress(phase="embed", done=done, unit=unit)
        await book.append(JobName("p", "j"), progressed=step)
    bridge.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def start(url: str, unit: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, unit, str(EACH)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_no_event_is_lost_written_twice_or_out_of_order(tmp_path: Path) -> None:
    url = f"file://{tmp_path}"
    log = JobLog(open_store(url, {}))
    log.create(NAME, pb.JobEvent(revision=1, queued=pb.TrainingSpec()))
    log.append(NAME, pb.JobEvent(revision=2, started=1))
    writers = [start(url, unit) for unit in ("a", "b")]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=40)
        assert writer.returncode == 0
    events = log.read(NAME)
    assert [event.revision for event in events] == list(range(1, 2 * EACH + 3))
    assert state.replay(str(NAME), events).state == state.RUNNING
    for unit in ("a", "b"):
        done = [e.progressed.done for e in events if e.progressed.unit == unit]
        assert done == list(range(EACH))
