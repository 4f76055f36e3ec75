"""Backbones in memory: loaded once however many ask, let go when there are too many."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from services.common.store import open_store
from services.embedder import loaded as loaded_module
from services.embedder import maps
from services.embedder.engines.base import Engine
from services.embedder.loaded import Backbones
from services.embedder.pipeline import Pipeline, Workshop
from tests.support.catalogue import enter
from tests.support.engines import FakeEngine
from tests.support.images import encode, picture


class Shelf:
    """Backbones over a store in a folder, with fake engines and a count of loads."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(f"file://{folder}", {})
        self.loads: list[str] = []
        self.before: Callable[[], object] = lambda: None
        self.workshop = Workshop(threads=1)
        self.backbones = Backbones(
            self.store,
            self._load,
            self.workshop,
            queue_items=16,
            max_loaded=8,
            on_death=lambda: None,
        )

    def _load(self, backbone: backbone_pb2.Backbone, maps: bool) -> Engine:
        self.loads.append(backbone.name + ":maps" * maps)
        self.before()
        return FakeEngine(maps=maps)

    async def close(self) -> None:
        await self.backbones.close(5.0)
        self.workshop.close()
        self.store.close()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    await made.close()


async def test_a_hundred_callers_at_once_cost_one_load(shelf: Shelf) -> None:
    backbone = enter(shelf.store, "tiny")
    found = await asyncio.gather(*(shelf.backbones.get("backbones/tiny") for _ in range(100)))
    assert {id(each.pipeline) for each in found} == {id(found[0].pipeline)}
    pinned = await shelf.backbones.get(f"backbones/tiny@{backbone.digest}")
    assert pinned.pipeline is found[0].pipeline
    assert shelf.loads == ["backbones/tiny"]
    assert shelf.backbones.engine_of(backbone.digest) == "fake"


async def test_a_caller_who_leaves_does_not_take_the_load_from_the_others(shelf: Shelf) -> None:
    enter(shelf.store, "tiny")
    gate, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait(10)

    shelf.before = wait
    first, second = (asyncio.ensure_future(shelf.backbones.get("backbones/tiny")) for _ in "ab")
    await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    gate.set()
    assert (await second).backbone.name == "backbones/tiny"
    assert first.cancelled()
    assert len(shelf.loads) == 1


async def test_a_load_that_failed_is_told_to_all_and_tried_again(shelf: Shelf) -> None:
    backbone = enter(shelf.store, "tiny")

    def fail() -> None:
        raise FailedPrecondition("no such contract", reason="BACKBONE_UNUSABLE")

    shelf.before = fail
    found = await asyncio.gather(
        *(shelf.backbones.get("backbones/tiny") for _ in range(5)), return_exceptions=True
    )
    assert {type(each) for each in found} == {FailedPrecondition}
    assert shelf.backbones.engine_of(backbone.digest) == ""
    shelf.before = lambda: None
    assert (await shelf.backbones.get("backbones/tiny")).backbone == backbone


@pytest.mark.parametrize(
    ("name", "kind"),
    [("backbones/none", NotFound), ("none", InvalidArgument), ("", InvalidArgument)],
)
async def test_what_is_not_there_is_told(shelf: Shelf, name: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        await shelf.backbones.get(name)


async def test_a_name_means_the_same_until_it_is_refreshed(shelf: Shelf) -> None:
    old = enter(shelf.store, "tiny")
    assert (await shelf.backbones.get("backbones/tiny")).backbone == old
    new = enter(shelf.store, "tiny", high=2.0)
    assert (await shelf.backbones.get("backbones/tiny")).backbone == old
    assert (await shelf.backbones.refresh("backbones/tiny")).backbone == new
    assert (await shelf.backbones.get("backbones/tiny")).backbone == new
    assert (await shelf.backbones.get(f"backbones/tiny@{old.digest}")).backbone == old


async def test_the_least_recently_used_one_goes_when_there_are_too_many(shelf: Shelf) -> None:
    shelf.backbones._max_loaded = 2
    digests = {name: enter(shelf.store, name).digest for name in ("a", "b", "c")}
    for name in ("a", "b", "a", "c"):
        await shelf.backbones.get(f"backbones/{name}")
    loaded = {name for name, digest in digests.items() if shelf.backbones.engine_of(digest)}
    assert loaded == {"a", "c"}
    await shelf.backbones.get("backbones/b")  # and it comes back
    assert shelf.loads == [f"backbones/{name}" for name in "abcb"]


async def test_one_that_is_held_does_not_go_and_who_wants_its_room_is_told_after_a_while(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_module, "ROOM_WAIT_S", 0.01)
    shelf.backbones._max_loaded = 1
    for name in ("a", "b"):
        enter(shelf.store, name)
    async with shelf.backbones.hold("backbones/a") as held:
        with pytest.raises(Unavailable, match="all busy") as caught:
            await shelf.backbones.get("backbones/b")
        assert caught.value.reason == "OVERLOADED"
        assert caught.value.retry_after_s
        data = [encode(picture(), "PNG")]
        assert (await held.pipeline.embed(data)).vectors["default"].shape == (1, 6)
    assert (await shelf.backbones.get("backbones/b")).backbone.name == "backbones/b"


@pytest.mark.parametrize("most", [1, 2])
async def test_many_at_once_take_turns_and_never_more_than_may_be_are_in_memory(
    shelf: Shelf, most: int
) -> None:
    shelf.backbones._max_loaded = most
    names = [f"backbones/n{number}" for number in range(12)]
    for name in names:
        enter(shelf.store, name.removeprefix("backbones/"))
    held: list[str] = []
    counts: list[int] = []
    shelf.before = lambda: counts.append(len(shelf.backbones._slots))

    async def use(name: str) -> None:
        async with shelf.backbones.hold(name) as loaded:
            held.append(name)
            counts.append(len(shelf.backbones._slots))
            assert len(held) <= most
            answer = await loaded.pipeline.embed([encode(picture(), "PNG")])
            assert answer.vectors["default"].shape == (1, 6)
            held.remove(name)

    await asyncio.gather(*(use(name) for name in names))
    assert sorted(shelf.loads) == sorted(names)
    assert max(counts) == most


async def test_two_misses_at_once_make_room_for_both(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.backbones._max_loaded = 2
    for name in ("a", "b", "c", "d"):
        enter(shelf.store, name)
        await shelf.backbones.known(f"backbones/{name}")
    for name in ("a", "b"):
        await shelf.backbones.get(f"backbones/{name}")
    closing = Pipeline.close

    async def slowly(pipeline: Pipeline, grace_s: float) -> None:
        await asyncio.sleep(0.01)
        await closing(pipeline, grace_s)

    monkeypatch.setattr(Pipeline, "close", slowly)
    await asyncio.gather(*(shelf.backbones.get(f"backbones/{name}") for name in ("c", "d")))
    assert len(shelf.backbones._slots) == 2
    await shelf.backbones.get("backbones/a")
    assert len(shelf.backbones._slots) == 2


async def test_a_caller_who_stops_waiting_for_room_leaves_nothing_behind(shelf: Shelf) -> None:
    shelf.backbones._max_loaded = 1
    names = [f"backbones/{name}" for name in "abcd"]
    for name in names:
        enter(shelf.store, name.removeprefix("backbones/"))
        await shelf.backbones.known(name)
    async with shelf.backbones.hold(names[0]):
        waiting = [asyncio.ensure_future(shelf.backbones.get(name)) for name in names[1:]]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.wait([waiting[1]])
        assert [task.done() for task in waiting] == [False, True, False]
    await asyncio.gather(waiting[0], waiting[2])
    assert shelf.loads == ["backbones/a", "backbones/b", "backbones/d"]


async def test_who_waits_for_room_is_told_of_the_end(shelf: Shelf) -> None:
    shelf.backbones._max_loaded = 1
    for name in ("a", "b"):
        enter(shelf.store, name)
        await shelf.backbones.known(f"backbones/{name}")
    async with shelf.backbones.hold("backbones/a"):
        waiting = asyncio.ensure_future(shelf.backbones.get("backbones/b"))
        await asyncio.sleep(0)
        await shelf.backbones.close(0.0)
        with pytest.raises(Unavailable, match="shutting down") as caught:
            await waiting
    assert caught.value.reason == "NOT_SERVING"
    assert shelf.loads == ["backbones/a"]


async def test_who_waits_for_a_load_is_told_of_the_end(shelf: Shelf) -> None:
    enter(shelf.store, "a")
    gate, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        gate.wait(10)

    shelf.before = wait
    waiting = asyncio.ensure_future(shelf.backbones.get("backbones/a"))
    await asyncio.to_thread(begun.wait, 10)
    gate.set()  # what a thread has begun it ends, but nobody has heard of it yet
    await shelf.backbones.close(0.0)
    with pytest.raises(Unavailable, match="shutting down"):
        await waiting


async def test_only_so_many_spellings_are_remembered(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_module, "MAX_NAMES", 2)
    for name in ("a", "b", "c"):
        enter(shelf.store, name)
        await shelf.backbones.get(f"backbones/{name}")
    assert len(shelf.backbones._names) == 2


async def test_who_asks_for_maps_gets_an_engine_of_their_own(shelf: Shelf) -> None:
    backbone = enter(shelf.store, "tiny")
    of_maps = await shelf.backbones.get("backbones/tiny", maps=True)
    assert shelf.loads == ["backbones/tiny:maps"]
    assert shelf.backbones.engine_of(backbone.digest) == ""  # vectors would still have to wait
    of_vectors = await shelf.backbones.get("backbones/tiny")
    assert of_vectors.pipeline is not of_maps.pipeline
    assert shelf.loads == ["backbones/tiny:maps", "backbones/tiny"]
    again = await shelf.backbones.get(f"backbones/tiny@{backbone.digest}", maps=True)
    assert again.pipeline is of_maps.pipeline
    data = encode(picture(), "PNG")
    (answer,) = (await again.pipeline.embed([data], ("map",))).vectors["map"]
    wanted = (await of_vectors.pipeline.embed([data], ("map",))).vectors["map"][0]
    assert answer.shape == (8, 8, 8)
    assert np.allclose(answer.mean(axis=(0, 1)), wanted, atol=1e-5)


async def test_maps_in_memory_are_bounded_by_their_bytes(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "MEMORY_BYTES", 3 * 8 * 8 * 8 * 4)
    enter(shelf.store, "map", spatial=True)
    found = await shelf.backbones.get("backbones/map", maps=True)
    data = encode(picture(), "PNG")
    with pytest.raises(Unavailable, match=r"at most 3 items"):
        await found.pipeline.embed([data] * 4, ("map",))
    assert (await found.pipeline.embed([data] * 3, ("map",))).vectors["map"].shape == (3, 8, 8, 8)


async def test_an_idle_engine_of_maps_goes_like_any_other(shelf: Shelf) -> None:
    shelf.backbones._max_loaded = 2
    for name in ("a", "b"):
        enter(shelf.store, name)
    await shelf.backbones.get("backbones/a", maps=True)
    for name in ("a", "b"):
        await shelf.backbones.get(f"backbones/{name}")
    await shelf.backbones.get("backbones/a")
    assert shelf.loads == ["backbones/a:maps", "backbones/a", "backbones/b"]
    await shelf.backbones.get("backbones/a", maps=True)
    assert shelf.loads[-1] == "backbones/a:maps"


async def test_another_input_size_is_another_engine_of_the_same_backbone(shelf: Shelf) -> None:
    backbone = enter(shelf.store, "map", spatial=True)
    plain = await shelf.backbones.get("backbones/map", maps=True)
    larger = await shelf.backbones.get("backbones/map", maps=True, size=(64, 96))
    again = await shelf.backbones.get("backbones/map", maps=True, size=(64, 96))
    assert larger.pipeline is again.pipeline is not plain.pipeline
    assert larger.backbone.digest == backbone.digest
    assert (await shelf.backbones.get("backbones/map", maps=True, size=(32, 32))) is plain
    assert shelf.loads == ["backbones/map:maps"] * 2
