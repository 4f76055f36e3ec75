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
from services.common.heads.base import Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead
from services.common.heads.mlp import MlpHead
from services.trainer.evaluate.heat_maps import Look
from services.trainer.heat import Explained, draw
from tests.support.suite import Suite

pytestmark = pytest.mark.timeout(120)

NAME = "backbones/graft_small_96"
JOINED = ("stride16", "default")  # the second has no map of its own name: stride32 explains it
CELLS, CELL = 3, 32
RIDGE = 0.1
LABELS = ("plain", "disc")
EACH = 20


class Embedder:
    """The service, asked the way a job asks it."""

    def __init__(self, stub: Any) -> None:
        self.stub = stub
        self.backbone = stub.GetBackbone(pb.GetBackboneRequest(name=NAME)).backbone

    def ask(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        answer: pb.EmbedResponse = self.stub.Embed(request, timeout=60)
        return answer

    def vectors(self, files: list[bytes]) -> dict[str, Floats]:
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


def joined(vectors: dict[str, Floats]) -> Floats:
    return np.concatenate([vectors[name] for name in JOINED], axis=1)


def blocks_of(vectors: dict[str, Floats]) -> Blocks:
    """Both of length 1; of the last layer, which is never negative, the root."""
    return Blocks(tuple(Block(vectors[n].shape[1], 1.0, n == "default") for n in JOINED))


def linear(vectors: dict[str, Floats], y: np.ndarray) -> Head:
    """A ridge regression on the two classes."""
    blocks = blocks_of(vectors)
    z = blocks.features(joined(vectors)).astype(np.float64)
    mean, targets = z.mean(axis=0), np.eye(2)[y] - 0.5
    centred = z - mean
    gram = centred.T @ centred + RIDGE * np.eye(z.shape[1])
    weight = np.linalg.solve(gram, centred.T @ targets)
    arrays = [each.astype(np.float32) for each in (weight, -mean @ weight)]
    return LinearHead(LABELS, *arrays, blocks=blocks)


def network(vectors: dict[str, Floats], y: np.ndarray) -> Head:
    """The same as two units on either side of the border between the classes."""
    plain = linear(vectors, y)
    assert isinstance(plain, LinearHead)
    hidden, bias = plain.weight[:, [0, 1]], plain.bias[[0, 1]]
    nothing = np.zeros(2, np.float32)
    return MlpHead(LABELS, hidden, bias, np.eye(2, dtype=np.float32), nothing, blocks=plain.blocks)


@pytest.mark.parametrize("fit", [linear, network])
def test_what_speaks_for_the_disc_is_where_the_disc_is(embedder: Embedder, fit: Any) -> None:
    train = [scene(seed, disc=seed < EACH)[0] for seed in range(2 * EACH)]
    head = fit(embedder.vectors(train), np.repeat([1, 0], EACH))
    fresh = [scene(1000 + seed, disc=True) for seed in range(12)]
    files, cells = [file for file, _ in fresh], [cell for _, cell in fresh]
    vectors = embedder.vectors(files)
    assert (head.logits(joined(vectors)).argmax(axis=1) == 1).all()

    drawn = draw(
        embedder.ask,
        Explained(embedder.backbone, vectors, head),
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
