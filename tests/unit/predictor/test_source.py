"""What names mean: how old an answer may be, who waits, and what failures leave standing.

The clock is the test's own: no test waits for time to pass, but for two short bounds.
"""

from __future__ import annotations

import asyncio

import pytest

from graft.errors import DataLoss, GraftError, NotFound, Unavailable
from graft.names import AliasName, VersionName, parse_servable
from services.common import artifacts, metrics
from services.predictor import source as module
from services.predictor.served import Leg, Name, Route, Servable
from services.predictor.source import FRESH_S, STALE_S, Source

PETS = parse_servable("projects/default/models/pets")
ROUTE = Route((Leg("backbones/fake", ("default",), (3,), ""),))
AWAY = Unavailable("the store is away")


def servable(number: int, etag: str = "e") -> Servable:
    version = PETS.model.version(number)
    return Servable(f"{version}@{etag}", version, str(version), ROUTE, 10)


class World:
    """A store as a dictionary, a loader, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.means: dict[Name, Servable | GraftError] = {PETS: servable(1)}
        self.damaged: dict[str, GraftError] = {}
        self.reads = 0
        self.loads: list[str] = []
        self.reading, self.loading = asyncio.Event(), asyncio.Event()
        self.reading.set()
        self.loading.set()
        self.source = Source(self._read, self._load, clock=lambda: self.now)

    async def _read(self, name: Name, known: Servable | None) -> Servable:
        self.reads += 1
        found = self.means.get(name, artifacts.not_found(name))
        await self.reading.wait()
        if isinstance(found, GraftError):
            raise found
        return found

    async def _load(self, wanted: Servable) -> None:
        self.loads.append(wanted.revision)
        await self.loading.wait()
        if wanted.revision in self.damaged:
            raise self.damaged[wanted.revision]

    async def version(self, name: Name = PETS) -> int:
        return (await self.source.resolve(name)).version.version

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_name_is_read_and_loaded_once_however_many_ask(world: World) -> None:
    assert await asyncio.gather(*(world.version() for _ in range(10))) == [1] * 10
    assert (world.reads, world.loads) == (1, [servable(1).revision])


async def test_fresh_knowledge_asks_nobody(world: World) -> None:
    await world.version()
    world.now += FRESH_S
    assert await world.version() == 1
    assert world.source.known(PETS) == servable(1)
    assert world.reads == 1


async def test_a_model_in_use_is_refreshed_behind_its_requests_by_one_reader(world: World) -> None:
    await world.version()
    world.means[PETS] = servable(2)
    world.now += FRESH_S + 0.1
    world.reading.clear()
    assert [await world.version() for _ in range(5)] == [1] * 5
    await world.settle()
    assert world.reads == 2
    world.reading.set()
    await world.settle()
    assert await world.version() == 2


async def test_an_idle_model_waits_and_gets_what_the_name_means_now(world: World) -> None:
    await world.version()
    world.means[PETS] = servable(2)
    world.now += 3600
    assert world.source.known(PETS) is None
    assert await world.version() == 2


async def test_an_idle_model_waits_for_a_slow_store_only_so_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KNOWN_WAIT_S", 0.01)
    await world.version()
    world.means[PETS] = servable(2)
    world.reading.clear()
    world.now += 3600
    assert await world.version() == 1
    world.now += 0.02
    assert world.source.known(PETS) == servable(1)  # nobody waits for this refresh again
    world.reading.set()
    await world.settle()
    assert await world.version() == 2


async def test_traffic_switches_only_when_the_new_head_is_loaded(world: World) -> None:
    await world.version()
    world.means[PETS] = servable(2)
    world.loading.clear()
    for _ in range(10):  # a load of ten seconds: requests neither wait nor change
        world.now += FRESH_S + 0.1
        assert await world.version() == 1
        await world.settle()
    assert world.loads == [servable(1).revision, servable(2).revision]
    world.loading.set()
    await world.settle()
    assert await world.version() == 2


async def test_a_version_that_cannot_be_loaded_leaves_the_last_good_one(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.version()
    world.means[PETS] = servable(2)
    world.damaged[servable(2).revision] = DataLoss("arrays do not match")
    failures = metrics.STORE_FAILURES.labels("load")._value
    before = failures.get()
    for _ in range(3):
        world.now += 3600
        assert await world.version() == 1
    assert failures.get() == before + 3
    assert caplog.text.count("arrays do not match") == 1  # said once, tried thrice
    world.damaged.clear()
    world.now += 3600
    assert await world.version() == 2


async def test_a_damaged_version_with_nothing_before_it_is_an_error_remembered_briefly(
    world: World,
) -> None:
    world.damaged[servable(1).revision] = DataLoss("arrays do not match")
    for _ in range(3):
        with pytest.raises(DataLoss, match="do not match"):
            await world.version()
    assert len(world.loads) == 1
    world.damaged.clear()
    world.now += FRESH_S + 0.1
    assert await world.version() == 1


async def test_an_unreadable_manifest_leaves_the_last_good_version(world: World) -> None:
    await world.version()
    world.means[PETS] = DataLoss("manifest cannot be read")
    world.now += 3600
    assert await world.version() == 1


async def test_a_store_that_is_away_leaves_what_is_known_and_nobody_waits(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    cats = parse_servable("projects/default/models/cats")
    world.means[cats] = servable(7)
    await asyncio.gather(world.version(), world.version(cats))
    failures = metrics.STORE_FAILURES.labels("resolve")._value
    before = failures.get()
    world.means = {PETS: AWAY, cats: AWAY}
    world.now += 3600
    assert await world.version() == 1
    assert world.source.known(cats) == servable(7)  # at once, though it is an hour old
    await world.settle()
    assert failures.get() == before + 2
    assert caplog.text.count("the store fails") == 1
    world.means = {PETS: servable(2), cats: servable(7)}
    world.now += FRESH_S + 0.1
    assert await world.version() == 1
    await world.settle()
    assert await world.version() == 2
    assert world.now - 100 > STALE_S


async def test_a_store_that_is_away_is_not_asked_by_every_request(world: World) -> None:
    await world.version()
    world.means[PETS] = AWAY
    world.now += 3600
    for _ in range(20):
        await world.version()
        await world.settle()
    assert world.reads == 2


async def test_a_name_unknown_while_the_store_is_away_is_unavailable(world: World) -> None:
    world.means[PETS] = AWAY
    with pytest.raises(Unavailable, match="away"):
        await world.version()
    world.means[PETS] = servable(1)
    world.now += FRESH_S + 0.1
    assert await world.version() == 1


async def test_a_store_that_says_nothing_is_not_waited_for_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNKNOWN_WAIT_S", 0.01)
    world.reading.clear()
    with pytest.raises(Unavailable, match="did not say in time") as caught:
        await world.version()
    assert caught.value.reason == "STORE_UNAVAILABLE"
    world.reading.set()
    await world.settle()
    assert await world.version() == 1


async def test_an_unknown_name_is_looked_up_once_a_second(world: World) -> None:
    unknown = parse_servable("projects/default/models/nobody")
    for _ in range(20):
        with pytest.raises(NotFound, match="nobody"):
            await world.version(unknown)
    assert world.reads == 1
    world.means[unknown] = servable(3)
    world.now += FRESH_S + 0.1
    assert await world.version(unknown) == 3


async def test_a_deleted_model_is_withdrawn(world: World) -> None:
    await world.version()
    del world.means[PETS]
    world.now += FRESH_S + 0.1
    assert await world.version() == 1  # in use: the look-up runs behind it
    await world.settle()
    with pytest.raises(NotFound):
        await world.version()


async def test_a_deleted_version_asked_for_by_number_is_withdrawn(world: World) -> None:
    name = VersionName.parse("projects/default/models/pets/versions/1")
    world.means[name] = servable(1)
    assert await world.version(name) == 1
    del world.means[name]
    world.now += 3600
    with pytest.raises(NotFound):
        await world.version(name)


async def test_an_alias_at_a_version_that_is_gone(world: World) -> None:
    await world.version()
    world.means[PETS] = artifacts.not_found(PETS.model.version(2))
    world.now += 3600
    assert await world.version() == 1  # another version is missing, not this one
    world.means[PETS] = artifacts.not_found(PETS.model.version(1))
    world.now += 3600
    with pytest.raises(NotFound):
        await world.version()


async def test_a_model_trained_anew_under_an_old_number_is_another_one(world: World) -> None:
    await world.version()
    world.means[PETS] = servable(1, "new")
    world.now += 3600
    assert (await world.source.resolve(PETS)).revision == servable(1, "new").revision


async def test_one_who_stops_waiting_takes_nobody_along(world: World) -> None:
    world.reading.clear()
    waiting = [asyncio.ensure_future(world.version()) for _ in range(5)]
    await world.settle()
    waiting[0].cancel()
    await world.settle()
    world.reading.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 4
    assert world.reads == 1


async def test_a_bug_in_a_refresh_is_logged_and_the_version_stays(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.version()

    async def broken(name: Name, known: Servable | None) -> Servable:
        raise RuntimeError("oh")

    world.source._read = broken
    world.now += 3600
    assert await world.version() == 1
    await world.settle()
    assert "a bug in a refresh" in caplog.text


async def test_names_remembered_are_bounded_and_the_oldest_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 3)
    names = [AliasName(PETS.model, f"a{number}") for number in range(5)]
    world.means = {name: servable(1) for name in names}
    for name in names:
        await world.version(name)
    assert [world.source.known(name) is not None for name in names] == [False] * 2 + [True] * 3


async def test_refreshes_at_once_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REFRESHES", 2)
    names = [AliasName(PETS.model, f"a{number}") for number in range(5)]
    world.means = {name: servable(1) for name in names}
    for name in names:
        await world.version(name)
    world.reading.clear()
    world.now += FRESH_S + 0.1
    before = world.reads
    assert all(world.source.known(name) for name in names)
    await world.settle()
    assert world.reads == before + 2
    world.reading.set()
    await world.settle()


async def test_closing_ends_the_refreshes(world: World) -> None:
    world.reading.clear()
    waiting = asyncio.ensure_future(world.version())
    await world.settle()
    await world.source.close()
    with pytest.raises(Unavailable):
        await waiting


def test_what_is_fresh_becomes_stale_before_two_seconds_are_over() -> None:
    assert FRESH_S < STALE_S < STALE_S + module.KNOWN_WAIT_S <= 2.0
