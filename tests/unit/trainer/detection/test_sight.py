"""The maps of views: embedded once, cached, and read back in their shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from services.common.backbones import record
from services.common.store import Store, open_store
from services.trainer.detection import sight as module
from services.trainer.detection.lesson import see
from services.trainer.detection.plan import make_plans
from services.trainer.detection.sight import Pictures, Sight
from services.trainer.embeddings import EmbedderClient
from services.trainer.source import Source
from tests.support.images import encode, picture

SIZES = [(64, 48), (48, 64), (60, 60), (64, 64), (50, 40)]
FILES = [encode(picture(*size, seed=n), "PNG") for n, size in enumerate(SIZES)]
TRUTHS = [Truth.of([(5.0, 5.0, 30.0, 30.0)], [0]) for _ in SIZES]
SHAPES: dict[str, Sequence[int]] = {"fine": (14, 14, 4), "coarse": (7, 7, 8), "default": (16,)}
BACKBONE = backbone_pb2.Backbone(
    name="backbones/big",
    digest="d" * 64,
    modality=backbone_pb2.MODALITY_IMAGE,
    input_size=[224, 224],
    endpoints=record.endpoints_of(SHAPES),
)


class Counting:
    """Answers maps of the mean colour, and keeps the files that it was given."""

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def embed(self, source: Source, files: Sequence[bytes]) -> list[NDArray[np.float16]]:
        """As EmbedderClient."""
        self.files += files
        values = [float(np.frombuffer(data, np.uint8).mean()) for data in files]
        return [
            np.repeat(np.array(values, np.float16)[:, None], dim, axis=1) for dim in source.dims
        ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"file://{tmp_path}", {}) as opened:
        yield opened


def pictures() -> Pictures:
    keys = [hashlib.sha256(data).digest() for data in FILES]
    paths = [f"{n}.png" for n in range(len(FILES))]
    return Pictures(keys, paths, SIZES, lambda some: [FILES[n] for n in some])


def looked(store: Store, client: Counting, views: int = 12) -> tuple[Any, Sight]:
    return see(
        store,
        cast("EmbedderClient", client),
        "default",
        BACKBONE,
        pictures(),
        TRUTHS,
        ("thing",),
        np.arange(len(SIZES)),
        seed=0,
        tell=lambda done, total: None,
        plan=make_plans(BACKBONE, SIZES, TRUTHS)[0],
        views=views,
    )


def test_maps_come_in_the_shapes_of_the_plan(store: Store) -> None:
    lesson, _ = looked(store, Counting())
    assert lesson.plan.endpoints == ("fine", "coarse")
    assert [one.shape for one in lesson.whole.maps] == [(5, 20, 20, 4), (5, 10, 10, 8)]
    assert lesson.train.maps[0].shape[0] == len(lesson.train.shown) == 5 * 12
    assert lesson.targets.heat.shape == (60, 10, 10, 1)


def test_nothing_is_embedded_twice(store: Store) -> None:
    first, again = Counting(), Counting()
    one, sight = looked(store, first)
    # The picture as it is stands among the views to train on, and among those to be answered.
    assert (sight.embedded_count, sight.cached_count) == (60, 5)
    two, sight = looked(store, again)
    assert not again.files
    assert (sight.embedded_count, sight.cached_count) == (0, 65)
    np.testing.assert_array_equal(one.train.maps[1], two.train.maps[1])


def test_a_picture_as_it_is_is_sent_as_its_file(store: Store) -> None:
    client = Counting()
    looked(store, client, views=0)
    assert client.files == FILES


def test_few_decoded_pictures_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PICTURES", 1)
    held: list[int] = []
    taken = Sight._picture

    def note(self: Sight, number: int) -> Any:
        found = taken(self, number)
        held.append(len(self._decoded))
        return found

    monkeypatch.setattr(Sight, "_picture", note)
    looked(store, Counting())
    assert set(held) == {1}
