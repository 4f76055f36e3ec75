"""What the tables of embeddings keep on every store: no row lost, whoever appends or compacts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from graft.errors import InvalidArgument
from services.common.store import Store
from services.trainer.lance_table import LanceTable
from services.trainer.tables import EmbeddingTable
from tests.contracts.processes import run_at_once
from tests.fixtures.s3 import StoreLocation

EMBEDDINGS = "projects/p/embeddings/0a1b/default.lance"
DIM = 64
WRITERS = 4
APPENDS = 5


def _digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def _vectors(start: int, count: int) -> npt.NDArray[np.float16]:
    """Vectors that say whose they are: row i is start + i, then start + i + 1, and so on."""
    numbers = (np.arange(start, start + count)[:, None] + np.arange(DIM)) % 2048
    return numbers.astype(np.float16)


@pytest.fixture
def embeddings(store: Store) -> EmbeddingTable:
    return EmbeddingTable(store, EMBEDDINGS, DIM)


def _append_embeddings(
    meet: Callable[[], None], location: StoreLocation, writer: int, appends: int
) -> str:
    with location.open() as store:
        table = EmbeddingTable(store, EMBEDDINGS, DIM)
        meet()
        for number in range(appends):
            start = (writer * appends + number) * 10
            table.append([_digest(start + row) for row in range(10)], _vectors(start, 10))
    return "done"


def test_four_processes_appending_at_once_lose_no_row(
    embeddings: EmbeddingTable, store_location: StoreLocation
) -> None:
    """They race for making the table as well, where Lance by itself loses rows on S3."""
    arguments = [(store_location, writer, APPENDS) for writer in range(WRITERS)]
    assert run_at_once(_append_embeddings, arguments) == ["done"] * WRITERS
    total = WRITERS * APPENDS * 10
    assert embeddings.count() == total
    found, vectors = embeddings.read([_digest(number) for number in range(total)])
    assert found.all()
    np.testing.assert_array_equal(vectors, _vectors(0, total))


def test_vectors_are_found_by_key(embeddings: EmbeddingTable) -> None:
    embeddings.append([_digest(number) for number in range(100)], _vectors(0, 100))
    wanted = [7, 500, 99, 7, 0]
    found, vectors = embeddings.read([_digest(number) for number in wanted])
    assert found.tolist() == [True, False, True, True, True]
    np.testing.assert_array_equal(vectors[[0, 2, 3, 4]], _vectors(0, 100)[[7, 99, 7, 0]])
    assert not vectors[1].any()
    assert vectors.dtype == np.float16


def test_keys_that_end_in_zero_bytes_are_told_apart(embeddings: EmbeddingTable) -> None:
    keys = [b"\0" * 32, b"\0" * 31 + b"\1", b"\1" + b"\0" * 31, b"\1" * 16 + b"\0" * 16]
    embeddings.append(keys[:3], _vectors(10, 3))
    found, vectors = embeddings.read(keys)
    assert found.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(vectors[:3], _vectors(10, 3))


def test_a_repeated_key_does_no_harm(embeddings: EmbeddingTable) -> None:
    for _ in range(3):
        embeddings.append([_digest(1), _digest(2)], _vectors(1, 2))
    found, vectors = embeddings.read([_digest(2), _digest(1)])
    assert found.all()
    np.testing.assert_array_equal(vectors, _vectors(1, 2)[::-1])


def test_no_table_and_no_keys_find_nothing(embeddings: EmbeddingTable) -> None:
    found, vectors = embeddings.read([_digest(1)])
    assert (found.tolist(), vectors.shape) == ([False], (1, DIM))
    assert embeddings.count() == 0
    assert not embeddings.compact()
    embeddings.append([_digest(1)], _vectors(1, 1))
    found, vectors = embeddings.read([])
    assert (found.shape, vectors.shape) == ((0,), (0, DIM))


def test_what_another_process_added_or_made_anew_is_seen(
    embeddings: EmbeddingTable, store: Store
) -> None:
    other = EmbeddingTable(store, EMBEDDINGS, DIM)
    for number in range(3):
        other.append([_digest(number)], _vectors(number, 1))
        assert embeddings.read([_digest(number)])[0].all()
    other.delete()
    assert not embeddings.read([_digest(0)])[0].any()
    for number in (5, 6, 7):  # as many versions as before
        other.append([_digest(number)], _vectors(number, 1))
    found, vectors = embeddings.read([_digest(0), _digest(6)])
    assert found.tolist() == [False, True]
    np.testing.assert_array_equal(vectors[1], _vectors(6, 1)[0])


def test_compaction_merges_and_changes_no_answer(embeddings: EmbeddingTable, store: Store) -> None:
    for number in range(6):
        embeddings.append([_digest(number)], _vectors(number, 1))
    pieces = LanceTable(store, EMBEDDINGS, pa.schema([])).fragments
    assert not embeddings.compact(above=6)
    assert pieces() == 6
    assert embeddings.compact(above=5)
    assert pieces() == 1
    found, vectors = embeddings.read([_digest(number) for number in range(6)])
    assert found.all()
    np.testing.assert_array_equal(vectors, _vectors(0, 6))


def test_malformed_rows_are_refused(embeddings: EmbeddingTable) -> None:
    with pytest.raises(InvalidArgument, match="a key must be 32 bytes, got 3"):
        embeddings.append([b"abc"], _vectors(0, 1))
    with pytest.raises(InvalidArgument, match="a key must be 32 bytes"):
        embeddings.read([b"abc"])
    for wrong in (_vectors(0, 2), _vectors(0, 1)[:, :3], _vectors(0, 1).astype(np.float32)):
        with pytest.raises(InvalidArgument, match=r"vectors must be float16 \(1, 64\), got"):
            embeddings.append([_digest(0)], wrong)  # type: ignore[arg-type]
    assert embeddings.count() == 0


def _compact(meet: Callable[[], None], location: StoreLocation) -> str:
    with location.open() as store:
        meet()
        for _ in range(APPENDS):
            EmbeddingTable(store, EMBEDDINGS, DIM).compact(above=1)
    return "done"


def _race(meet: Callable[[], None], location: StoreLocation, role: int) -> str:
    if role < 2:
        return _compact(meet, location)
    return _append_embeddings(meet, location, role, APPENDS)


def test_compaction_beside_appends_loses_no_row(
    embeddings: EmbeddingTable, store_location: StoreLocation
) -> None:
    for number in range(4):
        embeddings.append([_digest(number)], _vectors(number, 1))
    assert run_at_once(_race, [(store_location, role) for role in range(4)]) == ["done"] * 4
    added = range(2 * APPENDS * 10, 4 * APPENDS * 10)
    numbers = [0, 1, 2, 3, *added]
    found, vectors = embeddings.read([_digest(number) for number in numbers])
    assert found.all()
    np.testing.assert_array_equal(vectors[4:], _vectors(added[0], len(added)))
    assert embeddings.count() == len(numbers)
