"""From the catalogue to an engine: a tuned tail answers what its trainer computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss, FailedPrecondition, NotFound
from graft.names import VersionName
from services.common import layout
from services.common.backbones import record, tuned
from services.common.backbones.catalogue import Cache
from services.common.store.base import Store
from services.common.store.file import FileStore
from services.embedder.backbones import bundled
from services.embedder.backbones.importer import import_backbone
from services.embedder.engines.base import EngineOptions
from services.embedder.loading import Loader
from services.networks import saved_tail
from services.networks.cut import cut
from services.networks.module import load_module
from services.trainer.fitters.tail import Recipe, TailTrainer
from tests.support import savedmodel

VERSION = VersionName.parse("projects/default/models/pets/versions/1")
CUT = "stride16"
ENDPOINTS = ("default", "stride32", "stride16")
OPTIONS = EngineOptions(threads=savedmodel.THREADS, max_batch=8)


@dataclass(frozen=True)
class Shelf:
    """A store with the bundled backbone and a tail of it, trained for a few steps; `pictures` and
    the vectors that the trainer has of them, from activations in half precision."""

    store: Store
    loader: Loader
    trunk: backbone_pb2.Backbone
    tail: backbone_pb2.Backbone
    pictures: np.ndarray
    vectors: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("shelf")
    with FileStore(folder / "store") as store:
        trunk = import_backbone(store, str(bundled.FOLDER), name=bundled.NAME)
        module = load_module(bundled.FOLDER)
        pictures = np.random.default_rng(0).random((12, 96, 96, 3), dtype=np.float32)
        maps = module.call(tf.constant(pictures))[CUT].numpy().astype(np.float16)
        part = cut(module.call, tf.TensorSpec([None, 96, 96, 3], tf.float32), [CUT])
        trainer = TailTrainer(part, ENDPOINTS, Recipe(learning_rate=3e-3))
        for epoch in range(3):
            rng = np.random.default_rng(epoch)
            trainer.epoch((maps[None],), np.arange(12, dtype=np.int64) % 3, rng)
        saved_tail.save(part, trainer.weights(), folder / "tail")
        tail = tuned.store_tail(
            store,
            VERSION,
            trunk,
            cut=[CUT],
            shapes=saved_tail.shapes(part),
            folder=folder / "tail",
        )
        loader = Loader(store, Cache(folder / "cache", store), OPTIONS)
        yield Shelf(store, loader, trunk, tail, pictures, trainer.vectors([maps]))


def test_the_embedder_serves_what_the_trainer_trained(shelf: Shelf) -> None:
    engine = shelf.loader.load(shelf.tail, False)
    found = engine.run(shelf.pictures[: engine.sizes.largest], ENDPOINTS)
    for name in ENDPOINTS:
        wanted = shelf.vectors[name][: engine.sizes.largest]
        assert np.abs(found[name] - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_it_differs_from_its_trunk_behind_the_cut_only(shelf: Shelf) -> None:
    tail, trunk = (shelf.loader.load(b, False) for b in (shelf.tail, shelf.trunk))
    some = shelf.pictures[:4]
    ours, theirs = (engine.run(some, ENDPOINTS) for engine in (tail, trunk))
    assert np.allclose(ours[CUT], theirs[CUT], atol=1e-4)
    assert np.abs(ours["default"] - theirs["default"]).max() > 1e-2


def test_its_catalogue_entry_tells_the_endpoints_that_it_has(shelf: Shelf) -> None:
    engine = shelf.loader.load(shelf.tail, False)
    assert dict(engine.dims) == {e.name: e.dim for e in shelf.tail.endpoints}
    assert engine.input_shape == (96, 96, 3)


def test_it_answers_maps_too(shelf: Shelf) -> None:
    vectors, maps = (shelf.loader.load(shelf.tail, flag) for flag in (False, True))
    some = shelf.pictures[:2]
    found = maps.run(some, ("stride32",))["stride32"]
    assert found.shape == (2, 3, 3, 384)
    pooled = vectors.run(some, ("stride32",))["stride32"]
    assert np.allclose(found.mean(axis=(1, 2)), pooled, atol=1e-4)


def test_two_tails_share_the_engine_of_their_trunk(shelf: Shelf) -> None:
    one, two = (shelf.loader.load(shelf.tail, False) for _ in range(2))
    assert one is not two
    assert one._trunk is two._trunk  # type: ignore[attr-defined]


def test_a_tail_whose_trunk_is_gone_names_it(shelf: Shelf, tmp_path: Path) -> None:
    with FileStore(tmp_path / "store") as other:
        for info in shelf.store.list(layout.backbone_prefix(record.name_of(shelf.tail))):
            other.put(info.key, shelf.store.get(info.key))
        loader = Loader(other, Cache(tmp_path / "cache", other), OPTIONS)
        with pytest.raises(NotFound, match="graft_small_96@dc824ab1"):
            loader.load(shelf.tail, False)


@pytest.mark.parametrize(
    ("cut_at", "error", "text"),
    [
        (["stride8"], DataLoss, "takes 192 channels at stride8.*got 96"),
        (["nowhere"], DataLoss, "has no endpoint 'nowhere'"),
        ([], FailedPrecondition, "cut at one endpoint"),
        (["stride8", "stride16"], FailedPrecondition, "cut at one endpoint"),
    ],
)
def test_a_tail_that_does_not_fit_its_trunk_is_an_error(
    shelf: Shelf, cut_at: list[str], error: type[Exception], text: str
) -> None:
    changed = backbone_pb2.Backbone()
    changed.CopyFrom(shelf.tail)
    del changed.cut[:]
    changed.cut.extend(cut_at)
    with pytest.raises(error, match=text):
        shelf.loader.load(changed, False)
