"""The embedder as the predictor calls it: deadlines, broken answers, readiness."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from graft.common.v1 import content_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import DeadlineExceeded, Internal, InvalidArgument, Unavailable
from graft.tensors import to_tensor
from services.common.server import Server
from services.predictor.embedding import Deadline, Embedded, Embedder
from tests.support.predictor import (
    BACKBONE,
    LIMITS,
    Watched,
    features,
    png,
    running_embedder,
)

EXACT = f"{BACKBONE.name}@{BACKBONE.digest}"
ITEMS = [content_pb2.Content(image=png(seed)) for seed in range(2)]


@pytest.fixture
async def started() -> AsyncIterator[tuple[Watched, Server, Embedder]]:
    async with running_embedder() as (watched, server):
        embedder = Embedder(server.address)
        yield watched, server, embedder
        await embedder.close()


async def embed(embedder: Embedder, *endpoints: str) -> Embedded:
    return await embedder.embed(
        ITEMS, backbone=EXACT, endpoints=endpoints or ("default",), deadline=Deadline(10)
    )


async def test_vectors_come_as_float32_by_endpoint(started: Any) -> None:
    found = await embed(started[2], "cut", "default")
    assert list(found.vectors) == ["cut", "default"]
    assert found.vectors["default"].dtype == np.float32
    np.testing.assert_array_equal(found.vectors["default"], features(png(0), png(1)))


async def test_a_deadline_that_has_passed_costs_no_call(started: Any) -> None:
    watched, _, embedder = started
    with pytest.raises(DeadlineExceeded):
        await embedder.embed(
            ITEMS, backbone=EXACT, endpoints=["default"], deadline=Deadline(-0.001)
        )
    assert watched.asked == []


async def test_the_embedders_error_keeps_its_items_and_loses_fields_of_our_own(
    started: Any,
) -> None:
    watched, _, embedder = started
    for field, kept in (("items[1].image", "items[1].image"), ("endpoints[0]", "")):
        watched.failure = InvalidArgument(
            "no. Received: x", reason="MODALITY_MISMATCH", field=field
        )
        with pytest.raises(InvalidArgument) as caught:
            await embed(embedder)
        assert (caught.value.reason, caught.value.field) == ("MODALITY_MISMATCH", kept)


@pytest.mark.parametrize(("reason", "calls"), [("OVERLOADED", 1), ("NOT_SERVING", 2)])
async def test_an_overload_is_not_multiplied_and_a_replica_that_stops_is_left(
    started: Any, reason: str, calls: int
) -> None:
    watched, _, embedder = started
    watched.failure = Unavailable("not now", reason=reason, retry_after_s=0.01)
    with pytest.raises(Unavailable) as caught:
        await embed(embedder)
    assert (caught.value.reason, caught.value.retry_after_s) == (reason, 0.01)
    assert len(watched.asked) == calls


async def test_it_is_not_ready_before_it_serves_nor_when_it_is_gone(started: Any) -> None:
    _, server, embedder = started
    limits = await embedder.limits()
    assert limits.max_items_per_request == LIMITS.max_items_per_request
    await server.health.set(False)
    with pytest.raises(Unavailable, match="not ready"):
        await embedder.limits()
    await server.stop(0)
    with pytest.raises(Unavailable, match=server.address):
        await embedder.limits()


def vectors(count: int) -> pb.EndpointVectors:
    return pb.EndpointVectors(
        endpoint="default", vectors=to_tensor(np.zeros((count, 3), np.float16))
    )


def broken_tensor() -> pb.EndpointVectors:
    answer = vectors(2)
    answer.vectors.data = answer.vectors.data[:-1]
    return answer


@pytest.mark.parametrize(
    ("outputs", "digest", "named"),
    [
        ([], BACKBONE.digest, "other vectors"),
        ([vectors(2)], "0" * 64, "other vectors"),
        ([vectors(3)], BACKBONE.digest, "owed 2"),
        ([broken_tensor()], BACKBONE.digest, "broken tensor"),
    ],
)
async def test_an_answer_to_something_else_is_refused(
    started: Any,
    outputs: list[pb.EndpointVectors],
    digest: str,
    named: str,
) -> None:
    watched, _, embedder = started
    watched.answer = pb.EmbedResponse(outputs=outputs, backbone_digest=digest)
    with pytest.raises(Internal, match=named):
        await embed(embedder)
