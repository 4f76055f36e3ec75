"""Heat maps from an embedder: what is asked for, in how many calls, and what comes of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graft.channel import open_blocking_channel
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.embedder.v1 import embedder_service_pb2_grpc
from graft.errors import DataLoss
from graft.model.v1 import evaluation_pb2
from services.common.heads.blocks import Blocks
from services.common.heads.linear import LinearHead
from services.embedder import maps as embedder_maps
from services.trainer import heat
from services.trainer.evaluate.heat_maps import Look
from services.trainer.evaluate.proto import Source
from services.trainer.heat import Explained, draw, fill
from tests.support.embedder import MAP_SHAPE, SPATIAL, FakeEmbedder, map_of, vector_of

# Red speaks for class 0 and against class 1.
WEIGHT = np.array([[1, -1], [0, 0], [0, 0]], np.float32)
HEAD = LinearHead(("red", "other"), WEIGHT, np.zeros(2, np.float32), blocks=Blocks.unit(3))


def picture(row: int, column: int) -> bytes:
    """Black, with one quarter of a quarter in red."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16, 0] = 255
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


FILES = [picture(0, 3), picture(2, 1), picture(3, 3)]
LOOKS = [Look(item, 1, 0) for item in range(3)]
PLACES = [(0, 3), (2, 1), (3, 3)]


class Asked:
    """A fake embedder behind a real channel, and the requests that went to it."""

    def __init__(self, stub: Any, fake: FakeEmbedder) -> None:
        self._stub = stub
        self.fake = fake
        self.requests: list[pb.EmbedRequest] = []

    def __call__(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        self.requests.append(request)
        answer: pb.EmbedResponse = self._stub.Embed(request, timeout=10)
        return answer

    def explained(self, *names: str) -> Explained:
        known = {
            SPATIAL: np.stack([map_of(data).mean(axis=(0, 1)) for data in FILES]),
            "default": np.stack([vector_of(data) for data in FILES]),
        }
        return Explained(self.fake.backbone, {name: known[name] for name in names}, HEAD)


@pytest.fixture(scope="module")
def server() -> Iterator[Asked]:
    with FakeEmbedder(spatial=True) as fake, open_blocking_channel(fake.address) as channel:
        yield Asked(embedder_service_pb2_grpc.EmbedderServiceStub(channel), fake)


@pytest.fixture
def ask(server: Asked) -> Asked:
    server.requests.clear()
    return server


def contents(positions: Sequence[int]) -> list[bytes]:
    return [FILES[position] for position in positions]


def test_the_red_place_is_what_speaks_for_red(ask: Asked) -> None:
    drawn = draw(ask, ask.explained(SPATIAL), LOOKS, contents)
    assert drawn is not None
    for values, place in zip(drawn, PLACES, strict=True):
        assert values.shape == MAP_SHAPE[:2]
        assert values[place] == 1
        assert values.sum() < 3
    (request,) = ask.requests
    assert (list(request.endpoints), request.maps, len(request.items)) == ([SPATIAL], True, 3)
    assert request.backbone == f"{ask.fake.backbone.name}@{ask.fake.backbone.digest}"


def test_against_an_answer_nothing_glows(ask: Asked) -> None:
    drawn = draw(ask, ask.explained(SPATIAL), [Look(0, 0, 1)], contents)
    assert drawn is not None
    assert drawn[0].max() == 0


def test_what_no_map_explains_is_not_even_asked_for(ask: Asked) -> None:
    assert draw(ask, ask.explained(SPATIAL, "default"), LOOKS, contents) is None
    assert draw(ask, ask.explained(SPATIAL), [], contents) is None
    assert ask.requests == []


def test_a_vector_that_is_no_mean_of_the_map_of_its_length_is_not_explained(ask: Asked) -> None:
    strange = {"strange": np.eye(3, dtype=np.float32)}
    explained = Explained(ask.fake.backbone, strange, HEAD)
    assert draw(ask, explained, LOOKS, contents) is None
    assert [list(request.endpoints) for request in ask.requests] == [[SPATIAL]]


def test_calls_are_cut_by_the_bytes_of_the_answer(
    ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = draw(ask, ask.explained(SPATIAL), LOOKS, contents)
    monkeypatch.setattr(heat, "ANSWER_BYTES", 2 * 2 * 4 * 4 * 3)
    cut = draw(ask, ask.explained(SPATIAL), LOOKS, contents)
    assert [len(request.items) for request in ask.requests] == [3, 2, 1]
    assert whole is not None
    assert cut is not None
    np.testing.assert_allclose(np.stack(cut), np.stack(whole), atol=1e-6)
    monkeypatch.setattr(heat, "ANSWER_BYTES", 2 * 4 * 4 * 3 - 1)  # one picture's are too many
    assert draw(ask, ask.explained(SPATIAL), LOOKS, contents) is None
    assert len(ask.requests) == 3


def test_calls_are_cut_by_the_bytes_of_the_files(
    ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heat, "REQUEST_BYTES", len(FILES[0]) + len(FILES[1]))
    assert draw(ask, ask.explained(SPATIAL), LOOKS, contents) is not None
    assert [len(request.items) for request in ask.requests] == [2, 1]


def test_the_embedder_takes_what_is_asked_for_at_once() -> None:
    assert heat.ANSWER_BYTES <= embedder_maps.MAX_ANSWER_BYTES


def test_an_embedder_that_knows_no_maps_is_told_from_one_that_does(ask: Asked) -> None:
    def old(request: pb.EmbedRequest) -> pb.EmbedResponse:
        plain = pb.EmbedRequest()
        plain.CopyFrom(request)
        plain.maps = False
        return ask(plain)

    with pytest.raises(DataLoss, match=r"\[3, 4, 4, 3\] of stride16; upgrade it.*\[3, 3\]"):
        draw(old, ask.explained(SPATIAL), LOOKS, contents)


def test_the_report_names_example_truth_and_answer() -> None:
    evaluation = evaluation_pb2.Evaluation()
    sources = [Source(f"{n}.png", str(n) * 64) for n in range(3)]
    values = np.array([[0, 1, 0.5], [0.25, 0, 0]], np.float32)
    fill(evaluation, [Look(2, 1, 0)], [values], sources, ("red", "blue"))
    (found,) = evaluation.heat_maps
    assert (found.path, found.sha256) == ("2.png", "2" * 64)
    assert (found.truth, found.answer) == ("blue", "red")
    assert (found.rows, found.columns) == (2, 3)
    assert list(found.values) == [0, 1, 0.5, 0.25, 0, 0]
