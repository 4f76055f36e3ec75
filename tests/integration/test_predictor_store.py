"""The predictor and a store that changes, is damaged, or goes away while it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from graft import errors
from graft.names import ModelName
from graft.status import from_rpc_error
from services.common import artifacts, layout, metrics
from services.common.store import Store, open_store
from tests.fixtures.s3 import StoreLocation
from tests.support.forwarder import forwarding
from tests.support.predictor import Running, linear, point, publish, running_predictor, sure

PREDICT = "/graft.predictor.v1.PredictorService/Predict"
FOLLOWED_S = 2.0
SLACK_S = 0.5
"""What a busy machine may add to the two seconds."""


async def failure(call: Any) -> errors.GraftError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value, target="the predictor")


class Callers:
    """Callers who ask one model over and over and note every label, with its time."""

    def __init__(self, running: Running, model: str, count: int = 4) -> None:
        self._running = running
        self._model = model
        self._tasks = [asyncio.ensure_future(self._ask()) for _ in range(count)]
        self.labels: list[tuple[float, str]] = []

    async def _ask(self) -> None:
        while True:
            label = await self._running.label(self._model)
            self.labels.append((time.monotonic(), label))
            await asyncio.sleep(0.005)

    async def until(self, done: Callable[[list[str]], bool], seconds: float) -> None:
        """Wait until the labels so far are enough; a failed request ends the test."""
        async with asyncio.timeout(seconds):
            while not done([label for _, label in self.labels]):
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> list[str]:
        """End; raise what a request failed with, else answer all labels."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        return [label for _, label in self.labels]


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await check():
                return
            await asyncio.sleep(0.02)


async def test_an_alias_moves_under_load_without_a_failed_request(store: Store) -> None:
    publish(store, "pets", sure("v1"))
    refused = metrics.REQUESTS.labels(PREDICT, "UNAVAILABLE")._value  # what retries would hide
    before = refused.get()
    async with running_predictor(store) as running:
        callers = Callers(running, "pets")
        await callers.until(lambda labels: len(labels) > 20, 10)
        await asyncio.to_thread(publish, store, "pets", sure("v2"))
        moved = time.monotonic()
        await callers.until(lambda labels: labels[-1:] == ["v2"], FOLLOWED_S + SLACK_S)
        first = next(at for at, label in callers.labels if label == "v2")
        assert first - moved < FOLLOWED_S + SLACK_S
        await asyncio.sleep(0.1)
        labels = await callers.stop()
    assert refused.get() == before
    assert set(labels) == {"v1", "v2"}
    assert "v1" not in labels[labels.index("v2") + len(callers._tasks) :]


async def test_an_idle_model_answers_with_what_its_name_means_now(store: Store) -> None:
    publish(store, "pets", sure("v1"))
    async with running_predictor(store) as running:
        assert await running.label("pets") == "v1"
        publish(store, "pets", sure("v2"))
        await asyncio.sleep(FOLLOWED_S)
        assert await running.label("pets") == "v2"


async def test_a_damaged_version_leaves_the_one_before_it(store: Store) -> None:
    publish(store, "pets", sure("v1"))
    async with running_predictor(store) as running:
        assert await running.label("pets") == "v1"
        damaged = publish(store, "pets", sure("v2"), live=False)
        whole = store.get(layout.arrays(damaged))
        store.put(layout.arrays(damaged), whole[:-1] + b"\x7f")
        point(store, "pets", damaged.version)
        failures = metrics.STORE_FAILURES.labels("load")._value
        before = failures.get()
        await asyncio.sleep(FOLLOWED_S)
        assert [await running.label("pets") for _ in range(5)] == ["v1"] * 5
        assert failures.get() > before
        error = await failure(running.predict("pets/versions/2"))
        assert isinstance(error, errors.DataLoss)
        assert layout.arrays(damaged) in str(error)
        store.put(layout.arrays(damaged), whole)  # restored from a backup
        await eventually(lambda: _says(running, "pets", "v2"), FOLLOWED_S + SLACK_S)


async def _missing(running: Running, model: str) -> bool:
    try:
        await running.label(model)
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.NOT_FOUND
    return False


async def _says(running: Running, model: str, label: str) -> bool:
    return await running.label(model) == label


async def test_a_deleted_model_is_gone_within_two_seconds_and_its_number_may_come_back(
    store: Store,
) -> None:
    publish(store, "pets", sure("old"))
    async with running_predictor(store) as running:
        assert await running.label("pets") == "old"
        artifacts.delete_model(store, ModelName("default", "pets"))
        await eventually(lambda: _missing(running, "pets"), FOLLOWED_S + SLACK_S)
        publish(store, "pets", sure("new"))
        await asyncio.sleep(1.1)  # as long as the refusal is remembered
        assert await running.label("pets") == "new"


async def test_a_deletion_and_a_new_model_between_two_looks_are_noticed(store: Store) -> None:
    publish(store, "pets", sure("old"))
    async with running_predictor(store) as running:
        assert await running.label("pets") == "old"
        artifacts.delete_model(store, ModelName("default", "pets"))
        publish(store, "pets", sure("new"))
        await asyncio.sleep(FOLLOWED_S)
        assert await running.label("pets") == "new"


async def test_a_folder_that_is_away_costs_loaded_models_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), {})
    for name in ("pets", "idle", "unloaded"):
        publish(store, name, sure(name))
    async with running_predictor(store) as running:
        assert [await running.label(name) for name in ("pets", "idle")] == ["pets", "idle"]
        callers = Callers(running, "pets", count=2)
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        await asyncio.sleep(2.5)
        assert await running.label("idle") == "idle"
        error = await failure(running.predict("unloaded"))
        assert isinstance(error, errors.Unavailable)
        assert "gone" in str(error)
        (tmp_path / "elsewhere").rename(tmp_path / "store")
        publish(store, "pets", sure("moved on"))
        await callers.until(lambda labels: labels[-1:] == ["moved on"], FOLLOWED_S + SLACK_S)
        assert set(await callers.stop()) == {"pets", "moved on"}
        await eventually(lambda: _says(running, "unloaded", "unloaded"), FOLLOWED_S)


@pytest.mark.minio
@pytest.mark.parametrize("how", ["cut", "stalled"])
async def test_a_bucket_out_of_reach_costs_loaded_models_nothing(
    s3_location: StoreLocation, how: str
) -> None:
    endpoint = s3_location.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    async with forwarding(endpoint) as network:
        through = {**s3_location.environ, "AWS_ENDPOINT_URL": f"http://{network.address}"}
        with s3_location.open() as direct, open_store(s3_location.url, through) as store:
            for name in ("pets", "idle"):
                await asyncio.to_thread(publish, direct, name, sure(name))
            async with running_predictor(store) as running:
                assert [await running.label(name) for name in ("pets", "idle")] == ["pets", "idle"]
                callers = Callers(running, "pets", count=2)
                if how == "cut":
                    await network.cut()
                else:
                    network.stall()
                await asyncio.sleep(2.5)
                began = time.monotonic()
                assert await running.label("idle") == "idle"
                assert time.monotonic() - began < 1.0
                if how == "cut":
                    await network.open()
                else:
                    network.flow()
                await asyncio.to_thread(publish, direct, "pets", sure("moved on"))
                await callers.until(lambda labels: labels[-1:] == ["moved on"], 15)
                assert set(await callers.stop()) == {"pets", "moved on"}


async def test_readiness_waits_for_the_store_once_and_never_again(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), {})
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    async with asyncio.timeout(10):
        starting = asyncio.ensure_future(_start_and_ask(store, tmp_path))
        await asyncio.sleep(0.6)
        assert not starting.done()
        (tmp_path / "elsewhere").rename(tmp_path / "store")
        await starting


async def _start_and_ask(store: Store, folder: Path) -> None:
    async with running_predictor(store) as running:
        publish(store, "pets", linear(("cat", "dog")))
        await running.predict("pets")
        (folder / "store").rename(folder / "elsewhere")
        assert await _serving(running)
        await running.predict("pets")
        (folder / "elsewhere").rename(folder / "store")


async def _serving(running: Running) -> bool:
    health = running.predictor.server.health.servicer
    return bool(health._server_status[""] == 1)
