"""Heat maps end to end: the real embedder with the bundled backbone, and a thing to be found."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from graft.common.v1 import content_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.embedder.v1 import embedder_service_pb2_grpc
from graft.tensors import from_tensor
from services.common.heads.base import Floats, l2_normalise
from services.trainer.evaluate.heat_maps import Heat, Look, linear, local
from services.trainer.heat import Explained, draw
from tests.support.suite import Suite

pytestmark = pytest.mark.timeout(120)

NAME = "backbones/prototype_96"
JOINED = ("stride16", "default")  # the second has no map of its own name: stride32 explains it
CELLS, CELL = 3, 32
RIDGE = 0.1
EACH = 20


class Embedder:
    """The service, asked the way a job asks it."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub
        self.backbone = stub.GetBackbone(pb.GetBackboneRequest(name=NAME)).backbone

    def ask(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        answer: pb.EmbedResponse = self.stub.Embed(request, timeout=60)
        return answer

    def blocks(self, files: list[bytes]) -> dict[str, Floats]:
        items = [content_pb2.Content(image=file) for file in files]
        request = pb.EmbedRequest(
            backbone=NAME, endpoints=JOINED, dtype="DATA_TYPE_FLOAT16", items=items
        )
        return {
            output.endpoint: from_tensor(output.vectors).astype(np.float32)
            for output in self.ask(request).outputs
        }


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    folder = tmp_path_factory.mktemp("heat")
    with Suite(folder, services=("embedder",)) as suite, suite.channel("embedder") as channel:
        yield Embedder(embedder_service_pb2_grpc.EmbedderServiceStub(channel))


def scene(seed: int, *, disc: bool) -> tuple[bytes, tuple[int, int]]:
    """Soft colours, with or without a red disc in one of nine cells; the file and the cell."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(60, 200, (6, 6, 3), dtype=np.uint8))
    image = ground.resize((CELLS * CELL, CELLS * CELL), Image.Resampling.BICUBIC)
    row, column = (int(place) for place in rng.integers(0, CELLS, 2))
    if disc:
        left, top = column * CELL, row * CELL
        box = (left + 2, top + 2, left + CELL - 3, top + CELL - 3)
        ImageDraw.Draw(image).ellipse(box, fill=(230, 30, 30))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue(), (row, column)


def join(blocks: dict[str, Floats]) -> Floats:
    return np.concatenate([l2_normalise(blocks[name]) for name in JOINED], axis=1)


def ridge(x: Floats, y: np.ndarray) -> tuple[Floats, Floats]:
    """Weights [d, 2] and bias [2] of a ridge regression on the two classes."""
    mean, targets = x.mean(axis=0), np.eye(2)[y] - 0.5
    centred = (x - mean).astype(np.float64)
    gram = centred.T @ centred + RIDGE * np.eye(x.shape[1])
    weight = np.linalg.solve(gram, centred.T @ targets).astype(np.float32)
    return weight, np.asarray(-mean @ weight)


def by_weights(weight: Floats, bias: Floats) -> Heat:
    return linear(weight)


def by_logits(weight: Floats, bias: Floats) -> Heat:
    return local(lambda x: np.asarray(x @ weight + bias))


@pytest.mark.parametrize("way", [by_weights, by_logits])
def test_what_speaks_for_the_disc_is_where_the_disc_is(embedder: Embedder, way: Any) -> None:
    train = [scene(seed, disc=seed < EACH)[0] for seed in range(2 * EACH)]
    y = np.repeat([1, 0], EACH)
    weight, bias = ridge(join(embedder.blocks(train)), y)
    fresh = [scene(1000 + seed, disc=True) for seed in range(12)]
    files, cells = [file for file, _ in fresh], [cell for _, cell in fresh]
    blocks = embedder.blocks(files)
    assert ((join(blocks) @ weight + bias).argmax(axis=1) == 1).all()

    drawn = draw(
        embedder.ask,
        Explained(embedder.backbone, blocks, way(weight, bias)),
        [Look(item, 1, 1) for item in range(len(files))],
        lambda positions: [files[position] for position in positions],
    )
    assert drawn is not None
    shares = []
    for values, (row, column) in zip(drawn, cells, strict=True):
        peak = np.argwhere(values == 1)[0]
        assert tuple(peak * CELLS // len(values)) == (row, column)
        side = len(values) // CELLS
        inside = values[row * side : (row + 1) * side, column * side : (column + 1) * side]
        shares.append(inside.sum() / values.sum())
    assert np.mean(shares) > 0.4  # by chance it would be a ninth
