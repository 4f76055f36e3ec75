"""What every embedder answers: the real one as a process, and the fake one that tests lean on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from graft.channel import open_blocking_channel
from graft.common.v1 import content_pb2, info_service_pb2, info_service_pb2_grpc
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import GraftError
from graft.status import from_rpc_error
from graft.tensors import from_tensor
from tests.support import digits
from tests.support.embedder import FakeEmbedder
from tests.support.suite import Suite

pytestmark = pytest.mark.timeout(120)

NAME = "backbones/graft_small_96"
GOOD = [content_pb2.Content(image=digits.picture(label, 0)) for label in "0123"]
BAD = content_pb2.Content(image=b"no image")
TEXT = content_pb2.Content(text="a text")
TOO_MANY = [content_pb2.Content(image=b"")] * 257
CALL_S = 30
MAPS: dict[str, Any] = {"endpoints": ["stride16"], "maps": True}
NO_MAP = ("INVALID_ARGUMENT", "INVALID_ARGUMENT", "endpoints[1]")
VIEWS = ("flip", "centre", "top_left", "bottom_right_flip", "bright")


@pytest.fixture(scope="module", params=["fake", "real"])
def channel(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[grpc.Channel]:
    if request.param == "fake":
        with FakeEmbedder(spatial=True) as fake, open_blocking_channel(fake.address) as opened:
            yield opened
    else:
        folder = tmp_path_factory.mktemp("embedder")
        with Suite(folder, services=("embedder",)) as suite, suite.channel("embedder") as opened:
            yield opened


@pytest.fixture
def stub(channel: grpc.Channel) -> Any:
    return embedder_service_pb2_grpc.EmbedderServiceStub(channel)


def embed(stub: Any, items: list[content_pb2.Content], **fields: Any) -> pb.EmbedResponse:
    request = pb.EmbedRequest(**{"backbone": NAME, "items": items, **fields})
    answer: pb.EmbedResponse = stub.Embed(request, timeout=CALL_S)
    return answer


def refusal(stub: Any, items: list[content_pb2.Content], **fields: Any) -> GraftError:
    with pytest.raises(grpc.RpcError) as caught:
        embed(stub, items, **fields)
    return from_rpc_error(caught.value, target="embedder")


def catalogued(stub: Any) -> backbone_pb2.Backbone:
    answer: pb.GetBackboneResponse = stub.GetBackbone(pb.GetBackboneRequest(name=NAME))
    return answer.backbone


def test_a_batch_is_one_row_an_item_of_the_length_that_the_catalogue_tells(stub: Any) -> None:
    backbone = catalogued(stub)
    (dim,) = [each.dim for each in backbone.endpoints if each.name == "default"]
    answer = embed(stub, GOOD)
    assert answer.backbone_digest == backbone.digest
    assert [output.endpoint for output in answer.outputs] == ["default"]
    assert from_tensor(answer.outputs[0].vectors).shape == (len(GOOD), dim)
    assert {timing.stage for timing in answer.timings} == {"decode", "queue", "device"}


def test_the_same_bytes_give_the_same_vector_alone_and_in_company(stub: Any) -> None:
    together = from_tensor(embed(stub, GOOD).outputs[0].vectors)
    for row, item in zip(together, GOOD, strict=True):
        alone = from_tensor(embed(stub, [item]).outputs[0].vectors)[0]
        np.testing.assert_allclose(alone, row, rtol=1e-3, atol=1e-4)
    assert not np.allclose(together[0], together[1], atol=1e-3)


def test_half_precision_is_the_rounded_full_one(stub: Any) -> None:
    full = from_tensor(embed(stub, GOOD).outputs[0].vectors)
    half = from_tensor(embed(stub, GOOD, dtype="DATA_TYPE_FLOAT16").outputs[0].vectors)
    assert [each.dtype.name for each in (full, half)] == ["float32", "float16"]
    np.testing.assert_allclose(half, full, rtol=2e-3, atol=1e-3)


def test_a_backbone_may_be_named_with_its_digest(stub: Any) -> None:
    digest = catalogued(stub).digest
    assert embed(stub, GOOD[:1], backbone=f"{NAME}@{digest}").backbone_digest == digest


@pytest.mark.parametrize(
    ("items", "fields", "code", "reason", "field"),
    [
        ([], {}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "items"),
        (TOO_MANY, {}, "RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE", "items"),
        ([GOOD[0], BAD], {}, "INVALID_ARGUMENT", "IMAGE_UNDECODABLE", "items[1].image"),
        (GOOD, {"endpoints": ["no"]}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "endpoints[0]"),
        (GOOD, {"view": "sepia"}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "view"),
        (GOOD, {"maps": True}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "endpoints[0]"),
        (GOOD, {**MAPS, "endpoints": ["stride16", "default"]}, *NO_MAP),
        (GOOD, {"dtype": "DATA_TYPE_INT64"}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "dtype"),
        (GOOD, {"backbone": "backbones/no"}, "NOT_FOUND", "NOT_FOUND", ""),
        (GOOD, {"backbone": "rubbish"}, "INVALID_ARGUMENT", "NAME_INVALID", "backbone"),
    ],
)
def test_a_bad_request_is_refused_in_the_same_words(
    stub: Any, items: list[Any], fields: dict[str, Any], code: str, reason: str, field: str
) -> None:
    error = refusal(stub, items, **fields)
    assert (error.code, error.reason, error.field) == (code, reason, field)


@pytest.mark.parametrize(
    ("method", "request_of", "field"),
    [
        ("GetBackbone", pb.GetBackboneRequest(name="rubbish"), "name"),
        ("LoadBackbone", pb.LoadBackboneRequest(name="rubbish"), "name"),
    ],
)
def test_a_name_that_is_none_is_refused_by_its_field(
    stub: Any, method: str, request_of: Any, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        getattr(stub, method)(request_of, timeout=CALL_S)
    error = from_rpc_error(caught.value, target="embedder")
    assert (error.reason, error.field) == ("NAME_INVALID", field)


def test_a_map_has_the_shape_that_the_catalogue_tells_and_its_mean_is_the_vector(stub: Any) -> None:
    (shape,) = [tuple(e.shape) for e in catalogued(stub).endpoints if e.name == "stride16"]
    (output,) = embed(stub, GOOD, **MAPS).outputs
    found = from_tensor(output.vectors)
    assert (output.endpoint, found.shape) == ("stride16", (len(GOOD), *shape))
    wanted = from_tensor(embed(stub, GOOD, endpoints=["stride16"]).outputs[0].vectors)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), wanted, rtol=1e-3, atol=1e-4)
    half = embed(stub, GOOD, dtype="DATA_TYPE_FLOAT16", **MAPS).outputs[0].vectors
    np.testing.assert_allclose(from_tensor(half), found, rtol=2e-3, atol=1e-3)


def test_each_view_is_another_vector_and_the_same_one_each_time(stub: Any) -> None:
    seen = [from_tensor(embed(stub, GOOD[:1]).outputs[0].vectors)]
    for view in VIEWS:
        found = from_tensor(embed(stub, GOOD[:1], view=view).outputs[0].vectors)
        again = from_tensor(embed(stub, GOOD[:1], view=view).outputs[0].vectors)
        np.testing.assert_allclose(found, again, rtol=1e-3, atol=1e-4)
        assert not any(np.allclose(found, other, atol=1e-3) for other in seen), view
        seen.append(found)


def test_a_stream_takes_view_and_maps_from_its_first_message(stub: Any) -> None:
    settled: dict[str, Any] = {"backbone": NAME, "view": "flip", **MAPS}
    requests = [
        pb.EmbedStreamRequest(id=0, item=GOOD[0], **settled),
        pb.EmbedStreamRequest(id=1, item=GOOD[1], view="sepia"),
    ]
    answers = {each.id: each for each in stub.EmbedStream(iter(requests), timeout=CALL_S)}
    wanted = from_tensor(embed(stub, GOOD[:2], view="flip", **MAPS).outputs[0].vectors)
    for number, row in enumerate(wanted):
        streamed = from_tensor(answers[number].outputs[0].vectors)
        np.testing.assert_allclose(streamed, row, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "field"), [({"view": "sepia"}, "view"), ({"maps": True}, "endpoints[0]")]
)
def test_a_stream_that_asks_for_what_there_is_not_ends(
    stub: Any, fields: dict[str, Any], field: str
) -> None:
    first = pb.EmbedStreamRequest(backbone=NAME, id=0, item=GOOD[0], **fields)
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.EmbedStream(iter([first]), timeout=CALL_S))
    error = from_rpc_error(caught.value, target="embedder")
    assert (error.code, error.field) == ("INVALID_ARGUMENT", field)


def test_a_text_is_no_image(stub: Any) -> None:
    assert refusal(stub, [TEXT]).reason == "MODALITY_MISMATCH"


def test_a_stream_answers_each_item_on_its_own(stub: Any) -> None:
    requests = [
        pb.EmbedStreamRequest(backbone=NAME, id=10 + number, item=item)
        for number, item in enumerate([*GOOD, BAD])
    ]
    answers = {each.id: each for each in stub.EmbedStream(iter(requests), timeout=CALL_S)}
    assert sorted(answers) == [10, 11, 12, 13, 14]
    assert answers[14].problem.message
    assert not answers[14].outputs
    atomic = from_tensor(embed(stub, GOOD).outputs[0].vectors)
    for number, row in enumerate(atomic):
        streamed = from_tensor(answers[10 + number].outputs[0].vectors)
        np.testing.assert_allclose(streamed, row, rtol=1e-3, atol=1e-4)


def test_the_catalogue_lists_it_and_limits_are_published(channel: grpc.Channel, stub: Any) -> None:
    listed = stub.ListBackbones(pb.ListBackbonesRequest(), timeout=CALL_S).backbones
    assert NAME in [backbone.name for backbone in listed]
    info = info_service_pb2_grpc.InfoServiceStub(channel).GetServerInfo(
        info_service_pb2.GetServerInfoRequest(), timeout=CALL_S
    )
    assert (info.service, info.max_items_per_request) == ("embedder", 256)
    loaded = stub.LoadBackbone(pb.LoadBackboneRequest(name=NAME), timeout=CALL_S)
    assert loaded.backbone == catalogued(stub)
