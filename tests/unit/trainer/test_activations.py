"""Fetching feature maps: every item and view once, in calls that neither side finds too large."""

from __future__ import annotations

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import Cancelled, DataLoss
from graft.tensors import to_tensor
from services.common.backbones import record
from services.trainer import activations
from services.trainer.activations import READ_ITEMS, REQUEST_BYTES, Wanted, fetch

ITEMS = 2 * READ_ITEMS + 3


def wanted(shape: tuple[int, ...] = (2, 2, 3)) -> Wanted:
    backbone = backbone_pb2.Backbone(
        name="backbones/tiny",
        digest="0" * 64,
        endpoints=record.endpoints_of({"default": (6,), "map": shape}),
    )
    return Wanted(backbone, "map", ("", "flip"))


class Embedder:
    """Answers maps filled with the number that an item is, negative for the mirrored view."""

    def __init__(self, shape: tuple[int, ...] = (2, 2, 3)) -> None:
        self.shape = shape
        self.calls: list[pb.EmbedRequest] = []

    def __call__(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        self.calls.append(request)
        sign = -1 if request.view else 1
        maps = np.stack([np.full(self.shape, sign * int(item.image[:4])) for item in request.items])
        output = pb.EndpointVectors(endpoint="map", vectors=to_tensor(maps.astype(np.float16)))
        return pb.EmbedResponse(outputs=[output])


def contents(positions: object, size: int = 4) -> list[bytes]:
    return [b"%04d" % position + b" " * (size - 4) for position in positions]  # type: ignore[attr-defined]


def test_every_item_is_fetched_in_every_view_in_its_place() -> None:
    embedder = Embedder()
    found = fetch(embedder, wanted(), contents, ITEMS)
    assert found.shape == (2, ITEMS, 2, 2, 3)
    assert found.dtype == np.float16
    assert np.array_equal(found[0, :, 0, 0, 0], np.arange(ITEMS))
    assert np.array_equal(found[1], -found[0])
    assert all(call.maps for call in embedder.calls)
    assert {call.backbone for call in embedder.calls} == {f"backbones/tiny@{'0' * 64}"}


def test_what_is_stated_beforehand_is_what_it_takes() -> None:
    assert fetch(Embedder(), wanted(), contents, ITEMS).nbytes == wanted().nbytes(ITEMS)


def test_large_maps_are_asked_for_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, "ANSWER_BYTES", 5 * 2 * 2 * 2 * 3)
    embedder = Embedder()
    fetch(embedder, wanted(), contents, ITEMS)
    assert max(len(call.items) for call in embedder.calls) == 5


def test_large_files_are_sent_a_few_at_a_time() -> None:
    embedder, size = Embedder(), REQUEST_BYTES // 3
    fetch(embedder, wanted(), lambda positions: contents(positions, size), 7)
    assert max(len(call.items) for call in embedder.calls) == 3


def test_a_cancellation_ends_it_before_the_next_call() -> None:
    embedder = Embedder()

    def tick() -> None:
        if len(embedder.calls) == 2:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        fetch(embedder, wanted(), contents, ITEMS, tick)
    assert len(embedder.calls) == 2


def test_maps_of_another_shape_are_refused() -> None:
    with pytest.raises(DataLoss, match=r"must answer the maps \[16, 2, 2, 3\] of map"):
        fetch(Embedder((3, 2, 3)), wanted(), contents, ITEMS)
