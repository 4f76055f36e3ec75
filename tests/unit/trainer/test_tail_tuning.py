"""Tuning in a job, with real pictures and a real network: decided, stored, served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from graft.embedder.v1 import backbone_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import Cancelled, DataLoss
from graft.names import VersionName
from graft.tensors import to_tensor
from services.common.backbones import catalogue, record
from services.common.backbones.catalogue import Cache
from services.common.image import decode_picture
from services.common.store.base import Store
from services.common.store.file import FileStore
from services.embedder.backbones.importer import import_backbone
from services.embedder.engines.base import EngineOptions
from services.embedder.loading import Loader
from services.embedder.preprocess import parse
from services.embedder.views import find
from services.networks.module import load_module
from services.trainer.fitters.tail import Recipe
from services.trainer.search.tuning import MIN_MISTAKES
from services.trainer.search.tuning_budget import BATCH
from services.trainer.tail_tuning import Frozen, Means, attempt, describe, store_tail
from tests.support import savedmodel, textures

VERSION = VersionName.parse("projects/default/models/stripes/versions/1")
PER_CLASS = 40


@dataclass
class World:
    """A store with the network in it, pictures, and what the embedder would answer of them."""

    store: Store
    folder: Path
    trunk: backbone_pb2.Backbone
    files: list[bytes]
    y: np.ndarray
    asked: int = 0

    def ask(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        """Maps, as the embedder computes them: real decoding, real network."""
        self.asked += 1
        maps = self._module.call(self._pixels(request))[request.endpoints[0]]
        vectors = to_tensor(maps.numpy().astype(np.float16))
        output = pb.EndpointVectors(endpoint=request.endpoints[0], vectors=vectors)
        return pb.EmbedResponse(outputs=[output])

    def means(self, **changes: object) -> Means:
        """What a job would give."""
        means = Means(
            store=self.store,
            cache=self.folder / "cache",
            ask=self.ask,
            contents=lambda positions: [self.files[i] for i in positions],
            threads=savedmodel.THREADS,
            seconds_left=lambda: 1000.0,
            tick=lambda: None,
            recipe=Recipe(learning_rate=1e-2, batch=40, pull=0.0),
        )
        return replace(means, **changes)  # type: ignore[arg-type]

    def frozen(self, **changes: object) -> Frozen:
        """What the search would have found: a quarter of the answers wrong."""
        n = len(self.y)
        frozen = Frozen(
            backbone=self.trunk,
            endpoints=("default", "map"),
            y=self.y,
            groups=np.arange(n),
            labels=textures.LABELS,
            losses=np.full(n, 0.7),
            right=np.where(np.arange(n) % 4, 1.0, 0.0),
            seed=0,
        )
        return replace(frozen, **changes)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        self._module = load_module(Cache(self.folder / "own", self.store).fetch(self.trunk))

    def _pixels(self, request: pb.EmbedRequest) -> tf.Tensor:
        prepare, look = parse(self.trunk.preprocessing), find(request.view)
        pictures = [prepare(look(decode_picture(item.image))) for item in request.items]
        return tf.constant(np.stack(pictures))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with FileStore(folder / "store") as opened:
        source = textures.save_network(folder / "network")
        trunk = import_backbone(opened, str(source), name="stripes")
        files, y = textures.pictures(PER_CLASS, seed=1)
        yield World(opened, folder, trunk, files, y)


def test_a_tail_that_helps_is_taken_stored_and_served(world: World) -> None:
    found = attempt(world.means(), world.frozen())
    assert found.verdict.yes, found.verdict.reason
    assert found.tuned is not None
    assert found.tuned.endpoints == ("default", "map")
    stored = store_tail(world.store, VERSION, world.trunk, found.tuned)
    assert catalogue.find(world.store, record.name_of(stored)) == stored
    assert describe(world.trunk, found.tuned) == "the layers of stripes after map"

    options = EngineOptions(threads=savedmodel.THREADS, max_batch=8)
    engine = Loader(world.store, Cache(world.folder / "served", world.store), options).load(
        stored, False
    )
    prepare = parse(stored.preprocessing)
    some = np.stack([prepare(decode_picture(file)) for file in world.files[:8]])
    vectors = engine.run(some, found.tuned.endpoints)
    for name, trained in found.tuned.vectors.items():
        assert np.abs(vectors[name] - trained[:8]).max() < 1e-3 * np.abs(trained).max()

    files, y = textures.pictures(100, seed=2)
    parts = []
    for start in range(0, len(files), 8):
        some = np.stack([prepare(decode_picture(file)) for file in files[start : start + 8]])
        vectors = engine.run(some, found.tuned.endpoints)
        parts.append(np.concatenate([vectors[name] for name in found.tuned.endpoints], axis=1))
    x = np.concatenate(parts)
    assert (found.tuned.head.answer(x).best == y).mean() > 0.9
    unknown, head = found.tuned.unknown, found.tuned.head
    assert unknown.measured_kept_share == pytest.approx(0.95, abs=0.03)
    flagged = unknown.familiarity.unknown(head.blocks.features(x), head.link.odds(head.logits(x)))
    assert flagged.mean() < 0.15


def test_labels_that_mean_nothing_leave_it_frozen_and_say_why(world: World) -> None:
    y = np.random.default_rng(5).permutation(world.y)
    found = attempt(world.means(), world.frozen(y=y))
    assert not found.verdict.yes
    assert found.tuned is None
    assert found.verdict.reason.startswith("left: ")
    assert found.seconds > 0


def test_it_must_beat_what_the_search_found_too(world: World) -> None:
    found = attempt(world.means(), world.frozen(losses=np.full(len(world.y), 1e-4)))
    assert found.outcome is not None
    assert found.outcome.verdict.yes
    assert not found.verdict.yes
    assert "not over the best that the search found" in found.verdict.reason


def test_where_little_can_be_gained_nothing_is_embedded(world: World) -> None:
    before = world.asked
    right = np.ones(len(world.y))
    right[: MIN_MISTAKES - 1] = 0.0
    found = attempt(world.means(), world.frozen(right=right))
    assert "too little to gain" in found.verdict.reason
    assert world.asked == before


def test_a_budget_that_ends_meanwhile_leaves_it_frozen(world: World) -> None:
    calls = 0

    def seconds_left() -> float:
        nonlocal calls
        calls += 1
        return 1000.0 if calls < 30 else -1.0

    found = attempt(world.means(seconds_left=seconds_left), world.frozen())
    assert not found.verdict.yes
    assert found.verdict.reason == "left: the budget was spent before it was decided"


def test_an_estimate_beyond_the_budget_is_not_tried(world: World) -> None:
    found = attempt(world.means(seconds_left=lambda: 0.001), world.frozen())
    assert found.verdict.reason.startswith("not tried: it would take about")
    assert found.verdict.reason.endswith("0 s are left; `--budget 1m` allows it")


def test_where_no_budget_is_stated_it_is_not_tried_however_much_time_is_left(world: World) -> None:
    before = world.asked
    found = attempt(world.means(stated=False), world.frozen())
    assert found.verdict.reason.startswith("not tried: it would take about")
    assert found.verdict.reason.endswith(" s; `--budget 1m` allows it")
    assert world.asked == before
    few = world.frozen(right=np.ones(len(world.y)))
    assert "too little to gain" in attempt(world.means(stated=False), few).verdict.reason


def test_the_estimate_knows_the_batch_of_the_recipe() -> None:
    assert Recipe().batch == BATCH


def test_a_cancellation_passes_through(world: World) -> None:
    def tick() -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        attempt(world.means(tick=tick), world.frozen())


def test_a_backbone_that_cannot_be_cut_is_left_alone(world: World) -> None:
    flat = backbone_pb2.Backbone()
    flat.CopyFrom(world.trunk)
    del flat.endpoints[:]
    flat.endpoints.extend(record.endpoints_of({"default": (16,)}))
    found = attempt(world.means(), world.frozen(backbone=flat))
    assert found.verdict.reason == "not tried: the backbone has no endpoint to be cut at"


def test_a_tuned_tail_is_not_tuned_again(world: World) -> None:
    tail = backbone_pb2.Backbone()
    tail.CopyFrom(world.trunk)
    tail.trunk = str(record.name_of(world.trunk))
    assert not attempt(world.means(), world.frozen(backbone=tail)).verdict.yes


def test_maps_of_another_shape_are_an_error_of_the_embedder(world: World) -> None:
    def ask(request: pb.EmbedRequest) -> pb.EmbedResponse:
        vectors = to_tensor(np.zeros((len(request.items), 4, 4, 3), np.float16))
        return pb.EmbedResponse(outputs=[pb.EndpointVectors(endpoint="map", vectors=vectors)])

    with pytest.raises(DataLoss, match="must answer the maps"):
        attempt(world.means(ask=ask), world.frozen())
