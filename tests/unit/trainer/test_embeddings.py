from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.channel import open_blocking_channel
from graft.embedder.v1 import backbone_pb2
from graft.errors import Cancelled, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from services.common.store import Store, open_store
from services.trainer import embeddings as module
from services.trainer.embeddings import (
    EmbedderClient,
    Embeddings,
)
from services.trainer.search.cuts import MAX_JOINED
from services.trainer.source import Source, caches, worth_cutting
from services.trainer.tables import EmbeddingTable
from tests.support.embedder import SPATIAL, FakeEmbedder, map_of, vector_of
from tests.support.trainer import tiny


class Album:
    """Images, their keys and paths; notes which were read."""

    def __init__(self, count: int) -> None:
        self.images = [tiny(n % 5, n) for n in range(count)]
        self.keys = [hashlib.sha256(image).digest() for image in self.images]
        self.paths = [f"{n}.png" for n in range(count)]
        self.read: list[int] = []

    def contents(self, positions: Sequence[int]) -> list[bytes]:
        self.read += positions
        return [self.images[position] for position in positions]


@pytest.fixture(scope="module")
def shared_embedder() -> Iterator[FakeEmbedder]:
    with FakeEmbedder(spatial=True) as server:
        yield server


@pytest.fixture
def embedder(shared_embedder: FakeEmbedder) -> FakeEmbedder:
    shared_embedder.servicer.reset()
    return shared_embedder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path), {})


@pytest.fixture
def stopped() -> threading.Event:
    return threading.Event()


@pytest.fixture
def client(embedder: FakeEmbedder, stopped: threading.Event) -> Iterator[EmbedderClient]:
    with open_blocking_channel(embedder.address) as channel:
        yield EmbedderClient(channel, embedder.address, stopped)


@pytest.fixture
def embeddings(store: Store, client: EmbedderClient, embedder: FakeEmbedder) -> Embeddings:
    source = Source(embedder.backbone)
    return Embeddings(caches(store, "p", source), client, source)


def only(store: Store, source: Source, project: str = "p") -> EmbeddingTable:
    (table,) = caches(store, project, source)
    return table


def test_vectors_come_in_the_order_asked_for_rounded_to_float16(embeddings: Embeddings) -> None:
    album = Album(70)
    found = embeddings.vectors(album.keys, album.paths, album.contents)
    wanted = np.stack([vector_of(image) for image in album.images])
    assert list(found.vectors) == ["default"]
    assert found.vectors["default"].dtype == np.float16
    np.testing.assert_array_equal(found.vectors["default"], wanted.astype(np.float16))
    assert (found.embedded_count, found.cached_count) == (70, 0)


def test_what_is_cached_is_neither_read_nor_embedded_again(
    embeddings: Embeddings, embedder: FakeEmbedder
) -> None:
    album = Album(40)
    first = embeddings.vectors(album.keys[:30], album.paths[:30], album.contents)
    album.read.clear()
    found = embeddings.vectors(album.keys, album.paths, album.contents)
    assert (found.embedded_count, found.cached_count) == (10, 30)
    assert album.read == list(range(30, 40))
    assert len(embedder.servicer.embedded) == 40
    np.testing.assert_array_equal(found.vectors["default"][:30], first.vectors["default"])


def test_every_endpoint_has_a_table_of_its_own_and_one_call_fills_them_all(
    store: Store, client: EmbedderClient, embedder: FakeEmbedder
) -> None:
    album, source = Album(40), Source.of(embedder.backbone)
    assert source.endpoints == (SPATIAL, "default")
    found = Embeddings(caches(store, "p", source), client, source).vectors(
        album.keys, album.paths, album.contents
    )
    maps = np.stack([map_of(image).mean(axis=(0, 1)) for image in album.images])
    np.testing.assert_array_equal(found.vectors[SPATIAL], maps.astype(np.float16))
    assert len(embedder.servicer.embedded) == 40
    for name in source.endpoints:
        present, vectors = only(store, Source(embedder.backbone, (name,))).read(album.keys)
        assert present.all()
        np.testing.assert_array_equal(vectors, found.vectors[name])


def test_what_one_endpoint_lacks_is_embedded_for_all_of_them(
    store: Store, client: EmbedderClient, embeddings: Embeddings, embedder: FakeEmbedder
) -> None:
    album, source = Album(10), Source.of(embedder.backbone)
    embeddings.vectors(album.keys, album.paths, album.contents)
    both = Embeddings(caches(store, "p", source), client, source)
    found = both.vectors(album.keys, album.paths, album.contents)
    assert (found.embedded_count, found.cached_count) == (10, 0)
    again = both.vectors(album.keys, album.paths, album.contents)
    assert (again.embedded_count, again.cached_count) == (0, 10)
    for name in source.endpoints:
        np.testing.assert_array_equal(again.vectors[name], found.vectors[name])


def test_a_view_has_a_table_of_its_own(
    store: Store, client: EmbedderClient, embeddings: Embeddings, embedder: FakeEmbedder
) -> None:
    album, flipped = Album(6), Source(embedder.backbone, view="flip")
    plain = embeddings.vectors(album.keys, album.paths, album.contents)
    assert not only(store, flipped).read(album.keys)[0].any()
    found = Embeddings([only(store, flipped)], client, flipped).vectors(
        album.keys, album.paths, album.contents
    )
    assert found.embedded_count == 6
    wanted = np.stack([vector_of(image, view="flip") for image in album.images])
    np.testing.assert_array_equal(found.vectors["default"], wanted.astype(np.float16))
    kept = only(store, Source(embedder.backbone)).read(album.keys)[1]
    np.testing.assert_array_equal(kept, plain.vectors["default"])


Shape = tuple[str, tuple[int, ...]]


def backbone_of(*endpoints: Shape) -> backbone_pb2.Backbone:
    return backbone_pb2.Backbone(
        endpoints=[
            backbone_pb2.Endpoint(name=name, shape=shape, dim=shape[-1])
            for name, shape in endpoints
        ]
    )


@pytest.mark.parametrize(
    ("endpoints", "wanted"),
    [
        ([("default", (64,))], ("default",)),
        (
            [("default", (64,)), ("late", (7, 7, 32)), ("early", (28, 28, 8))],
            ("early", "late", "default"),
        ),
        ([("default", (64,)), ("last", (7, 7, 64)), ("mid", (14, 14, 16))], ("mid", "default")),
        (
            [("logits", (10,)), ("default", (64,)), ("mid", (14, 14, 16))],
            ("mid", "logits", "default"),
        ),
    ],
)
def test_endpoints_are_looked_at_in_the_order_of_the_data(
    endpoints: list[Shape], wanted: tuple[str, ...]
) -> None:
    assert worth_cutting(backbone_of(*endpoints)) == wanted


def test_of_many_endpoints_the_last_are_looked_at() -> None:
    maps: list[Shape] = [(f"m{side:02d}", (side, side, 8)) for side in range(1, 12)]
    found = worth_cutting(backbone_of(("default", (64,)), *maps))
    assert found == ("m03", "m02", "m01", "default")
    assert len(found) == MAX_JOINED


@pytest.mark.parametrize("other", ["backbone", "endpoint", "project"])
def test_another_backbone_endpoint_or_project_misses(
    store: Store, embeddings: Embeddings, embedder: FakeEmbedder, other: str
) -> None:
    album = Album(5)
    embeddings.vectors(album.keys, album.paths, album.contents)
    source = Source(embedder.backbone)
    assert only(store, source).read(album.keys)[0].all()
    if other == "backbone":
        changed = type(embedder.backbone)()
        changed.CopyFrom(embedder.backbone)
        changed.digest = "f" * 64
        table = only(store, Source(changed))
    elif other == "endpoint":
        changed = type(embedder.backbone)()
        changed.CopyFrom(embedder.backbone)
        changed.endpoints.add(name="middle", dim=embedder.backbone.endpoints[0].dim)
        table = only(store, Source(changed, ("middle",)))
    else:
        table = only(store, source, "q")
    assert not table.read(album.keys)[0].any()


def test_batches_stay_within_items_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    album = Album(50)
    monkeypatch.setattr(module, "BATCH_BYTES", 3 * max(map(len, album.images)))
    batches = list(module._batches(list(range(50)), album.contents, 32))
    assert [n for positions, _ in batches for n in positions] == list(range(50))
    assert all(sum(map(len, images)) <= module.BATCH_BYTES for _, images in batches)
    monkeypatch.setattr(module, "BATCH_BYTES", 10)
    assert len(list(module._batches(list(range(50)), album.contents, 32))) == 50
    monkeypatch.setattr(module, "BATCH_BYTES", 10**9)
    sizes = [len(images) for _, images in module._batches(list(range(50)), album.contents, 32)]
    assert sizes == [32, 18]


def test_progress_is_told_from_the_cached_to_all(embeddings: Embeddings) -> None:
    album = Album(70)
    embeddings.vectors(album.keys[:6], album.paths[:6], album.contents)
    told: list[tuple[int, int]] = []
    embeddings.vectors(
        album.keys, album.paths, album.contents, progress=lambda *step: told.append(step)
    )
    assert told == [(6, 70), (38, 70), (70, 70)]


def test_what_was_embedded_before_a_stop_is_kept(
    embeddings: Embeddings, store: Store, embedder: FakeEmbedder
) -> None:
    album = Album(200)

    def stop(done: int, total: int) -> None:
        if done >= 96:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        embeddings.vectors(album.keys, album.paths, album.contents, progress=stop)
    found, _ = only(store, Source(embedder.backbone)).read(album.keys)
    assert found[:96].all()


def test_a_refused_file_is_named_by_its_path_and_the_others_are_kept(
    embeddings: Embeddings, store: Store, embedder: FakeEmbedder
) -> None:
    album = Album(70)
    embedder.servicer.refused.add(album.images[66])
    with pytest.raises(InvalidArgument, match=r"'66\.png'") as caught:
        embeddings.vectors(album.keys, album.paths, album.contents)
    assert caught.value.metadata["path"] == "66.png"
    assert caught.value.reason == "IMAGE_UNDECODABLE"
    found, _ = only(store, Source(embedder.backbone)).read(album.keys)
    assert found[:64].all()


def test_an_embedder_that_starts_again_is_waited_for(
    embeddings: Embeddings, embedder: FakeEmbedder
) -> None:
    album = Album(10)
    embedder.stop()
    starting = threading.Timer(0.4, embedder.start)
    starting.start()
    found = embeddings.vectors(album.keys, album.paths, album.contents)
    starting.join()
    assert found.embedded_count == 10


def test_an_embedder_that_stays_away_is_an_error_that_names_it(
    client: EmbedderClient, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_FOR_S", 0.3)
    embedder.stop()
    try:
        with pytest.raises(Unavailable, match=embedder.address):
            client.backbone("backbones/graft_small_96")
    finally:
        embedder.start()


def test_a_stop_ends_the_wait_for_an_embedder(
    client: EmbedderClient, embedder: FakeEmbedder, stopped: threading.Event
) -> None:
    embedder.stop()
    stopping = threading.Timer(0.2, stopped.set)
    stopping.start()
    try:
        with pytest.raises(Cancelled):
            client.backbone("backbones/graft_small_96")
    finally:
        embedder.start()
        stopping.join()


def test_an_unknown_backbone_is_not_found(client: EmbedderClient) -> None:
    with pytest.raises(NotFound, match="backbones/nope"):
        client.backbone("backbones/nope")


def test_another_digest_than_the_one_asked_for_is_never_embedded(
    store: Store, client: EmbedderClient, embedder: FakeEmbedder
) -> None:
    other = type(embedder.backbone)()
    other.CopyFrom(embedder.backbone)
    other.digest = "0" * 64
    source = Source(other)
    album = Album(3)
    with pytest.raises(NotFound):
        Embeddings(caches(store, "p", source), client, source).vectors(
            album.keys, album.paths, album.contents
        )
    assert embedder.servicer.embedded == []


def test_an_endpoint_that_is_not_there_is_named(embedder: FakeEmbedder) -> None:
    with pytest.raises(FailedPrecondition, match="'top'"):
        _ = Source(embedder.backbone, ("top",)).dims


def test_vectors_that_are_not_finite_name_the_file(
    embeddings: Embeddings, store: Store, embedder: FakeEmbedder
) -> None:
    album = Album(3)
    vectors = np.zeros((3, 256), np.float16)
    vectors[1, 7] = np.inf
    only(store, Source(embedder.backbone)).append(album.keys, vectors)
    with pytest.raises(FailedPrecondition, match=r"'1\.png'"):
        embeddings.vectors(album.keys, album.paths, album.contents)


def test_no_files_make_no_call(embeddings: Embeddings, embedder: FakeEmbedder) -> None:
    found = embeddings.vectors([], [], Album(0).contents)
    assert found.vectors["default"].shape == (0, 256)
    assert embedder.servicer.embedded == []
