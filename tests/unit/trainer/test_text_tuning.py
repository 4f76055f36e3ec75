"""Tuning the layers behind the states of texts: decided, stored, served, with the real network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.names import VersionName
from graft.tensors import to_tensor
from services.common.backbones import catalogue, record
from services.common.backbones.catalogue import Cache
from services.common.store.base import Store
from services.common.store.file import FileStore
from services.embedder.backbones.importer import import_backbone
from services.embedder.engines.base import EngineOptions
from services.embedder.engines.texts import load_text_engine
from services.embedder.loading import Loader
from services.trainer.tail_tuning import Frozen, Means, attempt, describe, store_tail
from tests.support import minilm, savedmodel

VERSION = VersionName.parse("projects/default/models/asked/versions/1")
ASKED = (
    "where is the next station",
    "who wrote the book about whales",
    "when does the market open",
    "why is the bread so hard",
    "how many people live in this town",
    "which bus goes to the harbour",
    "what did the doctor say to the boy",
    "whose coat is hanging in the hall",
)
TOLD = (
    "the next station is closed today",
    "she wrote a book about whales",
    "the market opens at seven",
    "the bread is hard since it is old",
    "few people live in this town now",
    "bus number nine goes to the harbour",
    "the doctor told the boy to rest",
    "my coat is hanging in the hall",
)


@dataclass
class World:
    """A store with the network in it, and what the embedder would answer of texts."""

    store: Store
    folder: Path
    trunk: backbone_pb2.Backbone
    texts: tuple[str, ...] = (*ASKED, *TOLD)
    asked: list[int] = field(default_factory=list)

    def ask(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        """States, as the embedder computes them."""
        self.asked.append(len(request.items))
        engine = load_text_engine(
            Cache(self.folder / "own", self.store).fetch(self.trunk), max_batch=16, maps=True
        )
        batch = np.array([item.text.encode() for item in request.items], object)
        (name,) = request.endpoints
        states = engine.run(batch, [name])[name].astype(np.float16)
        return pb.EmbedResponse(
            outputs=[pb.EndpointVectors(endpoint=name, vectors=to_tensor(states))]
        )

    def means(self, seconds: float = 1000.0) -> Means:
        """What a job without a stated budget would give."""
        return Means(
            store=self.store,
            cache=self.folder / "cache",
            ask=self.ask,
            contents=lambda positions: [self.texts[i].encode() for i in positions],
            threads=savedmodel.THREADS,
            seconds_left=lambda: seconds,
            tick=lambda: None,
            stated=False,
        )

    def frozen(self) -> Frozen:
        """What a search would have found: half of the answers wrong."""
        n = len(self.texts)
        return Frozen(
            backbone=self.trunk,
            endpoints=("layer4",),
            y=np.repeat([0, 1], [len(ASKED), len(TOLD)]),
            groups=np.arange(n),
            labels=("asked", "told"),
            losses=np.full(n, 0.7),
            right=(np.arange(n) % 2).astype(np.float64),
            seed=0,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with FileStore(folder / "store") as opened:
        yield World(opened, folder, import_backbone(opened, str(minilm.folder()), name="minilm"))


def test_a_tail_of_texts_is_taken_stored_and_served_behind_its_trunk(world: World) -> None:
    found = attempt(world.means(), world.frozen())
    assert found.verdict.yes, found.verdict.reason
    assert "usually pays for texts" in found.verdict.reason
    assert found.tuned is not None
    assert found.tuned.endpoints == ("default",)
    assert describe(world.trunk, found.tuned) == "the layers of minilm after layer2"
    assert sum(world.asked) == len(world.texts)  # the first layers ran once
    stored = store_tail(world.store, VERSION, world.trunk, found.tuned)
    assert catalogue.find(world.store, record.name_of(stored)) == stored
    assert list(stored.cut) == ["layer2"]

    options = EngineOptions(threads=savedmodel.THREADS, max_batch=8)
    engine = Loader(world.store, Cache(world.folder / "served", world.store), options).load(
        stored, False
    )
    batch = np.array([text.encode() for text in world.texts[:8]], object)
    served = engine.run(batch, ["default"])["default"]
    trained = found.tuned.vectors["default"][:8]
    assert np.allclose(served, trained, atol=2e-2)  # half precision lies between
    alone = engine.run(batch[:1], ["default"])["default"]
    assert np.allclose(alone, served[:1], atol=1e-4)


def test_without_time_nothing_is_tuned_and_the_report_says_what_would_allow_it(
    world: World,
) -> None:
    found = attempt(world.means(seconds=1.0), world.frozen())
    assert found.tuned is None
    assert "`--budget" in found.verdict.reason
    few = replace(world.frozen(), y=np.arange(16) % 8)
    assert "it needs 5 examples of a class" in attempt(world.means(), few).verdict.reason
