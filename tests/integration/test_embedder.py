"""EmbedderService over a real channel, with fake engines behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from graft.common.v1 import content_pb2, tensor_pb2
from graft.embedder.v1 import embedder_service_pb2
from graft.errors import GraftError
from graft.status import from_rpc_error
from graft.tensors import from_tensor
from services.common.image import decode, decode_picture
from services.embedder import maps, views
from services.embedder.preprocess import Preprocess
from tests.support.catalogue import enter
from tests.support.embedder_service import TINY, Service
from tests.support.engines import SIDE, FakeEngine
from tests.support.images import encode, picture
from tests.support.waiting import until

PREPROCESS = Preprocess(SIDE, SIDE, 0.0, 1.0)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    made = Service(tmp_path)
    await made.start()
    yield made
    await made.stop()


def image(seed: int) -> content_pb2.Content:
    return content_pb2.Content(image=encode(picture(50, 40, seed=seed), "PNG"))


def expected(content: content_pb2.Content, endpoint: str = "default") -> np.ndarray:
    batch = PREPROCESS(decode(content.image))[None]
    return np.asarray(FakeEngine().run(batch, (endpoint,))[endpoint][0])


async def refusal(call: Any) -> GraftError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return from_rpc_error(caught.value, target="embedder")


async def test_a_batch_is_one_tensor_an_endpoint(service: Service) -> None:
    items = [image(seed) for seed in range(5)]
    answer = await service.embed(*items, endpoints=["map", "default", "map"])
    assert [output.endpoint for output in answer.outputs] == ["map", "default"]
    for output in answer.outputs:
        found = from_tensor(output.vectors)
        wanted = np.stack([expected(content, output.endpoint) for content in items])
        assert np.allclose(found, wanted, atol=1e-5)
    assert answer.backbone_digest == service.backbone.digest
    assert [timing.stage for timing in answer.timings] == ["decode", "queue", "device"]
    assert sum(timing.duration.ToNanoseconds() for timing in answer.timings) > 0


async def test_half_precision_is_half_the_bytes(service: Service) -> None:
    full, half = [
        (await service.embed(image(0), dtype=dtype)).outputs[0].vectors
        for dtype in (tensor_pb2.DATA_TYPE_FLOAT32, tensor_pb2.DATA_TYPE_FLOAT16)
    ]
    assert (len(full.data), len(half.data)) == (24, 12)
    assert np.allclose(from_tensor(full), from_tensor(half), atol=1e-2)


@pytest.mark.parametrize(
    ("fields", "code", "reason", "field"),
    [
        ({"items": []}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "items"),
        ({"items": [image(0)] * 21}, "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE", "items"),
        ({"backbone": ""}, "INVALID_ARGUMENT", "NAME_INVALID", "backbone"),
        ({"backbone": "backbones/none"}, "NOT_FOUND", "NOT_FOUND", ""),
        ({"endpoints": ["x"]}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "endpoints[0]"),
        ({"dtype": 3}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "dtype"),
        (
            {"items": [image(0), content_pb2.Content(text="cat")]},
            "INVALID_ARGUMENT",
            "MODALITY_MISMATCH",
            "items[1]",
        ),
        ({"items": [content_pb2.Content()]}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "items[0]"),
        (
            {"items": [image(0), content_pb2.Content(image=b"x")]},
            "INVALID_ARGUMENT",
            "IMAGE_UNDECODABLE",
            "items[1].image",
        ),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong_with_it(
    service: Service, fields: dict[str, Any], code: str, reason: str, field: str
) -> None:
    error = await refusal(service.embed(**{"items": [image(0)], **fields}))
    assert (error.code, error.reason, error.field) == (code, reason, field)


async def test_a_full_embedder_says_when_to_come_back(service: Service) -> None:
    await service.embed(image(0))
    service.engine.gate = gate = threading.Event()
    waiting = [asyncio.ensure_future(service.embed(*[image(0)] * 20)) for _ in range(2)]
    pipeline = (await service.backbones.get(TINY)).pipeline
    await until(lambda: pipeline.inside == 40)
    with pytest.raises(GraftError, match="holds 40 of at most 40 items") as caught:
        await pipeline.embed([image(0).image])
    assert caught.value.retry_after_s
    gate.set()
    await asyncio.gather(*waiting)


async def test_a_deadline_that_passes_ends_the_call_and_costs_no_device_time(
    service: Service,
) -> None:
    await service.embed(image(0))
    service.engine.gate = gate = threading.Event()
    busy = asyncio.ensure_future(service.embed(image(1)))
    await until(lambda: len(service.engine.batches) == 2)
    error = await refusal(service.embed(image(2), timeout=0.2))
    assert error.code == "DEADLINE_EXCEEDED"
    gate.set()
    await busy
    assert service.engine.batches == [1, 1]


async def test_the_catalogue_is_told_page_by_page(service: Service) -> None:
    for name in ("a", "z"):
        enter(service.store, name)
    found, token = [], ""
    while True:
        request = embedder_service_pb2.ListBackbonesRequest(page_size=2, page_token=token)
        page = await service.stub.ListBackbones(request)
        found.append([backbone.name for backbone in page.backbones])
        token = page.next_page_token
        if not token:
            break
    assert found == [["backbones/a", TINY], ["backbones/z"]]
    negative = embedder_service_pb2.ListBackbonesRequest(page_size=-1)
    assert (await refusal(service.stub.ListBackbones(negative))).field == "page_size"


async def test_get_tells_the_engine_once_it_is_loaded(service: Service) -> None:
    get = embedder_service_pb2.GetBackboneRequest(name=TINY)
    answer = await service.stub.GetBackbone(get)
    assert (answer.backbone, answer.engine) == (service.backbone, "")
    load = embedder_service_pb2.LoadBackboneRequest(name=TINY)
    answer = await service.stub.LoadBackbone(load)
    assert (answer.backbone, answer.engine) == (service.backbone, "fake")
    assert (await service.stub.GetBackbone(get)).engine == "fake"


async def test_load_reads_the_catalogue_anew(service: Service) -> None:
    await service.embed(image(0))
    newer = enter(service.store, "tiny", high=2.0)
    assert (await service.embed(image(0))).backbone_digest == service.backbone.digest
    await service.stub.LoadBackbone(embedder_service_pb2.LoadBackboneRequest(name=TINY))
    answer = await service.embed(image(0))
    assert answer.backbone_digest == newer.digest
    assert not np.allclose(from_tensor(answer.outputs[0].vectors), expected(image(0)), atol=1e-3)


async def test_stopping_finishes_what_is_in_flight(service: Service) -> None:
    await service.embed(image(0))
    service.engine.gate = gate = threading.Event()
    calls = [asyncio.ensure_future(service.embed(image(seed))) for seed in range(10)]
    pipeline = (await service.backbones.get(TINY)).pipeline
    await until(lambda: pipeline.inside == 10)
    stopping = asyncio.ensure_future(service.server.stop(5.0))
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(*calls)
    for seed, answer in enumerate(answers):
        found = from_tensor(answer.outputs[0].vectors)[0]
        assert np.allclose(found, expected(image(seed)), atol=1e-5)
    await stopping


async def test_maps_come_as_they_are_and_their_mean_is_the_vector(tmp_path: Path) -> None:
    made = Service(tmp_path)
    enter(made.store, "map", spatial=True)
    await made.start()
    items = [image(seed) for seed in range(9)]
    fields: dict[str, Any] = {"backbone": "backbones/map", "endpoints": ["map"]}
    (output,) = (await made.embed(*items, maps=True, **fields)).outputs
    found = from_tensor(output.vectors)
    assert (output.endpoint, found.shape) == ("map", (9, 8, 8, 8))
    wanted = np.stack([expected(content, "map") for content in items])
    assert np.allclose(found.mean(axis=(1, 2)), wanted, atol=1e-5)
    assert not made.engine.batches  # the engine of vectors was not even asked
    await made.stop()


async def test_maps_beyond_the_bound_are_refused_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "MEMORY_BYTES", 3 * 8 * 8 * 8 * 4)
    made = Service(tmp_path)
    enter(made.store, "map", spatial=True)
    await made.start()
    bad = content_pb2.Content(image=b"no image")
    call = made.embed(*[bad] * 4, backbone="backbones/map", endpoints=["map"], maps=True)
    error = await refusal(call)
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE")
    assert error.metadata["limit"] == "3"
    await made.stop()


@pytest.mark.parametrize("view", ["centre", "bottom_right_flip", "bright"])
async def test_a_view_is_taken_before_the_resize(service: Service, view: str) -> None:
    content = image(3)
    seen = views.find(view)(decode_picture(content.image))
    wanted = FakeEngine().run(PREPROCESS(seen)[None], ("default",))["default"][0]
    found = from_tensor((await service.embed(content, view=view)).outputs[0].vectors)[0]
    assert np.allclose(found, wanted, atol=1e-5)
    assert not np.allclose(found, expected(content), atol=1e-5)
