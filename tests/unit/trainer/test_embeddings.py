from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.channel import open_blocking_channel
from graft.errors import Cancelled, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from services.common.store import Store, open_store
from services.trainer import embeddings as module
from services.trainer.embeddings import EmbedderClient, Embeddings, Source, cache
from tests.support.embedder import FakeEmbedder, vector_of
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
    with FakeEmbedder() as server:
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
    return Embeddings(cache(store, "p", source), client, source)


def test_vectors_come_in_the_order_asked_for_rounded_to_float16(embeddings: Embeddings) -> None:
    album = Album(70)
    found = embeddings.vectors(album.keys, album.paths, album.contents)
    wanted = np.stack([vector_of(image) for image in album.images])
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors, wanted.astype(np.float16).astype(np.float32))
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
    np.testing.assert_array_equal(found.vectors[:30], first.vectors)


@pytest.mark.parametrize("other", ["backbone", "endpoint", "project"])
def test_another_backbone_endpoint_or_project_misses(
    store: Store, embeddings: Embeddings, embedder: FakeEmbedder, other: str
) -> None:
    album = Album(5)
    embeddings.vectors(album.keys, album.paths, album.contents)
    source = Source(embedder.backbone)
    assert cache(store, "p", source).read(album.keys)[0].all()
    if other == "backbone":
        changed = type(embedder.backbone)()
        changed.CopyFrom(embedder.backbone)
        changed.digest = "f" * 64
        table = cache(store, "p", Source(changed))
    elif other == "endpoint":
        changed = type(embedder.backbone)()
        changed.CopyFrom(embedder.backbone)
        changed.endpoints.add(name="middle", dim=embedder.backbone.endpoints[0].dim)
        table = cache(store, "p", Source(changed, "middle"))
    else:
        table = cache(store, "q", source)
    assert not table.read(album.keys)[0].any()


def test_batches_stay_within_items_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    album = Album(50)
    monkeypatch.setattr(module, "BATCH_BYTES", 3 * max(map(len, album.images)))
    batches = list(module._batches(list(range(50)), album.contents))
    assert [n for positions, _ in batches for n in positions] == list(range(50))
    assert all(sum(map(len, images)) <= module.BATCH_BYTES for _, images in batches)
    monkeypatch.setattr(module, "BATCH_BYTES", 10)
    assert len(list(module._batches(list(range(50)), album.contents))) == 50
    monkeypatch.setattr(module, "BATCH_BYTES", 10**9)
    sizes = [len(images) for _, images in module._batches(list(range(50)), album.contents)]
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
    found, _ = cache(store, "p", Source(embedder.backbone)).read(album.keys)
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
    found, _ = cache(store, "p", Source(embedder.backbone)).read(album.keys)
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
            client.backbone("backbones/prototype_96")
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
            client.backbone("backbones/prototype_96")
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
        Embeddings(cache(store, "p", source), client, source).vectors(
            album.keys, album.paths, album.contents
        )
    assert embedder.servicer.embedded == []


def test_an_endpoint_that_is_not_there_is_named(embedder: FakeEmbedder) -> None:
    with pytest.raises(FailedPrecondition, match="'top'"):
        _ = Source(embedder.backbone, "top").dim


def test_vectors_that_are_not_finite_name_the_file(embeddings: Embeddings, store: Store) -> None:
    album = Album(3)
    vectors = np.zeros((3, 256), np.float16)
    vectors[1, 7] = np.inf
    embeddings._table.append(album.keys, vectors)
    with pytest.raises(FailedPrecondition, match=r"'1\.png'"):
        embeddings.vectors(album.keys, album.paths, album.contents)


def test_no_files_make_no_call(embeddings: Embeddings, embedder: FakeEmbedder) -> None:
    found = embeddings.vectors([], [], Album(0).contents)
    assert found.vectors.shape == (0, 256)
    assert embedder.servicer.embedded == []
