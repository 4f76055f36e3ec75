from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.errors import AlreadyExists, NotFound, Unavailable
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import layout, metrics
from services.common.blocking import Bridge
from services.common.store import Store, open_store
from services.trainer.jobs import book as module
from services.trainer.jobs import state
from services.trainer.jobs.book import JobBook
from services.trainer.jobs.log import JobLog
from tests.support.flaky import Flaky

NAME = JobName("p", "j")
SPEC = pb.TrainingSpec(
    dataset="projects/p/datasets/d", dataset_version=2, model="projects/p/models/m"
)


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    bridge = Bridge("store", 2)
    yield bridge
    bridge.close()


@pytest.fixture
def store(tmp_path: Path) -> Flaky:
    return Flaky(tmp_path)


@pytest.fixture
def book(store: Store, bridge: Bridge) -> JobBook:
    return JobBook(JobLog(store), bridge)


@pytest.fixture
def other(tmp_path: Path, bridge: Bridge) -> JobBook:
    """Another trainer over the same folder."""
    return JobBook(JobLog(open_store(str(tmp_path), {})), bridge)


async def start(book: JobBook, name: JobName = NAME) -> None:
    await book.create(name, SPEC, SPEC)
    await book.append(name, started=1)


async def test_a_job_is_seen_once_it_is_in_the_log(book: JobBook, store: Flaky) -> None:
    store.fail_before = 1
    with pytest.raises(Unavailable):
        await book.create(NAME, SPEC, SPEC)
    assert book.known(NAME) is None
    job, new = await book.create(NAME, SPEC, SPEC)
    assert (job.state, new) == (state.QUEUED, True)
    assert (await book.create(NAME, SPEC, SPEC))[1] is False


async def test_a_spec_that_was_settled_is_compared_with_what_was_asked(book: JobBook) -> None:
    asked = pb.TrainingSpec(dataset=SPEC.dataset, model=SPEC.model)
    await book.create(NAME, asked, SPEC)
    assert (await book.create(NAME, asked, SPEC))[1] is False
    with pytest.raises(AlreadyExists):
        await book.create(NAME, pb.TrainingSpec(dataset=SPEC.dataset, model="other"), SPEC)


async def test_a_step_that_makes_no_sense_changes_nothing(book: JobBook) -> None:
    await book.create(NAME, SPEC, SPEC)
    with pytest.raises(state.IllegalStep):
        await book.append(NAME, succeeded=pb.TrainingResult())
    assert (await book.get(NAME)).revision == 1


async def test_the_loser_of_a_race_reads_again_and_decides_anew(
    book: JobBook, other: JobBook
) -> None:
    await start(book)
    assert (await other.get(NAME)).revision == 2
    await book.append(NAME, progressed=pb.Progress(phase="embed"))
    job = await other.append(NAME, progressed=pb.Progress(phase="search"))
    assert job.revision == 4
    await book.append(NAME, cancel_requested=True)
    with pytest.raises(state.IllegalStep):
        await other.append(NAME, interrupted="x")
    assert (await other.get(NAME)).state == state.CANCELLING


async def test_a_write_that_failed_can_be_repeated(book: JobBook, store: Flaky) -> None:
    await start(book)
    store.fail_before = 1
    with pytest.raises(Unavailable):
        await book.append(NAME, succeeded=pb.TrainingResult(version=1))
    assert (await book.get(NAME)).state == state.RUNNING
    job = await book.append(NAME, succeeded=pb.TrainingResult(version=1))
    assert (job.state, job.revision) == (state.SUCCEEDED, 3)


async def test_a_write_that_took_effect_unseen_is_not_made_twice(
    book: JobBook, store: Flaky
) -> None:
    await start(book)
    store.fail_after = 1
    with pytest.raises(Unavailable):
        await book.append(NAME, succeeded=pb.TrainingResult(version=1))
    job = await book.append(NAME, succeeded=pb.TrainingResult(version=1))
    assert (job.state, job.revision) == (state.SUCCEEDED, 3)


async def test_after_an_unseen_write_something_else_may_follow(book: JobBook, store: Flaky) -> None:
    await start(book)
    store.fail_after = 1
    with pytest.raises(Unavailable):
        await book.append(NAME, progressed=pb.Progress(phase="embed"))
    job = await book.append(NAME, cancel_requested=True)
    assert (job.state, job.revision) == (state.CANCELLING, 4)


async def test_writes_at_once_to_one_job_come_one_after_the_other(book: JobBook) -> None:
    await start(book)
    steps = (book.append(NAME, progressed=pb.Progress(done=n)) for n in range(20))
    await asyncio.gather(*steps)
    assert (await book.get(NAME)).revision == 22


async def revisions(book: JobBook, after: int = 0) -> list[int]:
    return [event.revision async for event, _ in book.watch(NAME, after)]


async def test_a_watch_replays_follows_and_ends(book: JobBook) -> None:
    await start(book)
    watching = [asyncio.create_task(revisions(book, after)) for after in (0, 1, 2)]
    await book.append(NAME, progressed=pb.Progress(phase="embed"))
    await book.append(NAME, failed={})
    assert await asyncio.gather(*watching) == [[1, 2, 3, 4], [2, 3, 4], [3, 4]]
    assert await revisions(book, 4) == []


async def test_each_step_of_a_watch_carries_the_job_as_it_was_then(book: JobBook) -> None:
    await start(book)
    await book.append(NAME, failed={})
    seen = [(event.revision, job.revision, job.state) async for event, job in book.watch(NAME, 1)]
    assert seen == [(2, 2, state.RUNNING), (3, 3, state.FAILED)]


async def test_watchers_are_bounded(book: JobBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WATCHERS", 1)
    await start(book)
    first = book.watch(NAME, 0)
    await anext(first)
    with pytest.raises(Unavailable, match="watch jobs already") as caught:
        await revisions(book)
    assert caught.value.reason == "OVERLOADED"
    await first.aclose()  # type: ignore[attr-defined]
    await book.append(NAME, failed={})
    assert await revisions(book) == [1, 2, 3]


async def test_closing_sends_watchers_away(book: JobBook) -> None:
    await start(book)
    watching = asyncio.create_task(revisions(book))
    second = book.watch(NAME, 0)
    await anext(second)
    await book.close()
    with pytest.raises(Unavailable, match="after revision 2"):
        await watching


async def test_recovery_finds_what_has_not_ended_oldest_first(
    book: JobBook, other: JobBook, store: Flaky
) -> None:
    names = [JobName("p", "c"), JobName("q", "a"), JobName("p", "b")]
    for name in names:
        await start(book, name)
    ended = JobName("p", "ended")
    await start(book, ended)
    await book.append(ended, failed={})
    store.put(layout.job_event(JobName("p", "broken"), 1), b"nonsense")
    left = await other.recover()
    assert [job.name for job in left] == [str(name) for name in names]
    assert {job.name for job in other.jobs()} == {*map(str, names), str(ended)}
    assert [job.name for job in other.jobs("q")] == [str(names[1])]


async def test_old_ended_jobs_leave_the_list_but_are_found_by_name(
    book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN_JOBS", 2)
    monkeypatch.setattr(module, "MAX_KEPT_HISTORIES", 1)
    names = [JobName("p", f"j{n}") for n in range(4)]
    for name in names:
        await start(book, name)
        await book.append(name, failed={})
    assert [job.name for job in book.jobs("p")] == [str(names[3]), str(names[2])]
    for name in names:
        assert (await book.get(name)).state == state.FAILED
        assert [e.revision async for e, _ in book.watch(name, 0)] == [1, 2, 3]


async def test_a_job_that_is_not_there_is_not_found(book: JobBook) -> None:
    for call in (book.get(NAME), book.append(NAME, started=1), revisions(book)):
        with pytest.raises(NotFound):
            await call


def gauge(name: str) -> float:
    return metrics.REGISTRY.get_sample_value("graft_training_jobs", {"state": name}) or 0.0


async def test_jobs_are_counted_by_state(book: JobBook, other: JobBook) -> None:
    before = {name: gauge(name) for name in ("QUEUED", "RUNNING", "FAILED")}
    await book.create(NAME, SPEC, SPEC)
    assert gauge("QUEUED") == before["QUEUED"] + 1
    await book.append(NAME, started=1)
    assert (gauge("QUEUED"), gauge("RUNNING")) == (before["QUEUED"], before["RUNNING"] + 1)
    await book.append(NAME, failed={})
    assert (gauge("RUNNING"), gauge("FAILED")) == (before["RUNNING"], before["FAILED"] + 1)
    await other.recover()
    assert gauge("FAILED") == before["FAILED"] + 2
