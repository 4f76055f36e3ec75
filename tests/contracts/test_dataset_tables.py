"""What the tables keep on every store: no row lost, one commit a write, versions that stay."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from graft.boxes import Box, LabelledBox
from graft.errors import Conflict, DataLoss, InvalidArgument, NotFound
from services.common.store import Store
from services.trainer.tables import EXAMPLES, DatasetTable, examples
from tests.fixtures.s3 import StoreLocation

ROOT = Path(__file__).parent.parent.parent
DATASET = "projects/p/datasets/pets.lance"


def _digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def _rows(start: int, count: int, *, size: int = 10) -> pa.RecordBatch:
    numbers = range(start, start + count)
    return examples(
        keys=[_digest(number) for number in numbers],
        paths=[f"cat/{number} ä.png" for number in numbers],
        labels=[["cat", "pet"]] * count,
        verdicts=["ok"] * count,
        details=[""] * count,
        images=(
            [_digest(number) for number in numbers],
            [b"%d" % number * size for number in numbers],
            [b"%d" % number for number in numbers],
        ),
        texts=([None] * count, [b""] * count, [b""] * count),
        sizes=[(640, 480)] * count,
        boxes=[
            [LabelledBox("cat", Box(0.5, 1.0, 20.25, 30.0), crowd=n % 2 > 0)] * (n % 3)
            for n in numbers
        ],
        notes=["2 boxes were cut"] * count,
    )


def _paths(table: DatasetTable, version: int | None = None) -> list[str]:
    found: list[str] = table.read(["path"], version).column("path").to_pylist()
    return found


@pytest.fixture
def dataset(store: Store) -> DatasetTable:
    return DatasetTable(store, DATASET)


def test_a_table_that_was_never_written_does_not_exist(dataset: DatasetTable) -> None:
    assert not dataset.exists()
    for call in (dataset.version, dataset.versions, dataset.count, dataset.read):
        with pytest.raises(NotFound, match=r"pets\.lance"):
            call()
    with pytest.raises(NotFound):
        list(dataset.scan())
    dataset.delete()


def test_each_write_is_one_version_and_old_ones_stay(dataset: DatasetTable) -> None:
    assert dataset.append([_rows(0, 3), _rows(3, 2)]) == 1
    assert dataset.append([_rows(5, 1)]) == 2
    assert dataset.replace([_rows(9, 2)]) == 3
    assert [(v.number, v.rows) for v in dataset.versions()] == [(1, 5), (2, 6), (3, 2)]
    assert dataset.version() == 3
    assert [dataset.count(number) for number in (None, 1, 2, 3)] == [2, 5, 6, 2]
    assert _paths(dataset, 1) == [f"cat/{n} ä.png" for n in range(5)]
    assert _paths(dataset) == ["cat/9 ä.png", "cat/10 ä.png"]
    with pytest.raises(NotFound):
        dataset.count(4)


def test_version_times_are_utc_and_now(dataset: DatasetTable) -> None:
    dataset.append([_rows(0, 1)])
    (version,) = dataset.versions()
    assert abs(version.created.timestamp() - time.time()) < 60
    assert version.created.utcoffset() is not None


def test_rows_come_back_exactly(dataset: DatasetTable) -> None:
    batch = _rows(0, 4)
    dataset.append([batch])
    assert dataset.read().to_batches()[0].to_pydict() == batch.to_pydict()
    assert dataset.read().schema.equals(EXAMPLES)
    assert dataset.contents("image", [2, 0, 2]) == [b"2" * 10, b"0" * 10, b"2" * 10]
    assert dataset.rows([3, 1], ["labels", "key"]).column("key").to_pylist() == [
        _digest(3),
        _digest(1),
    ]
    assert dataset.contents("image", []) == []
    for bad in ([4], [-1], [0, 99]):
        with pytest.raises(InvalidArgument, match=rf"in \[0, 4\), got {bad[-1]}"):
            dataset.contents("image", bad)


def test_a_scan_is_in_order_and_in_bounded_batches(dataset: DatasetTable) -> None:
    dataset.append(_rows(start, 500) for start in range(0, 3000, 500))
    batches = list(dataset.scan(["path"]))
    assert max(batch.num_rows for batch in batches) <= 1024
    assert [path for b in batches for path in b.column("path").to_pylist()] == _paths(dataset)


def test_a_failing_source_commits_nothing_and_its_error_comes_out(dataset: DatasetTable) -> None:
    class Stop(Exception):
        pass

    def broken() -> Iterator[pa.RecordBatch]:
        yield _rows(0, 100)
        raise Stop

    for write in (dataset.append, dataset.replace):
        with pytest.raises(Stop):
            write(broken())
        assert not dataset.exists()
    dataset.append([_rows(0, 1)])
    for write in (dataset.append, dataset.replace):
        with pytest.raises(Stop):
            write(broken())
    assert dataset.versions()[-1].rows == dataset.count() == 1


def test_rows_of_another_schema_are_refused(dataset: DatasetTable) -> None:
    with pytest.raises(InvalidArgument, match="must have the schema"):
        dataset.append([_rows(0, 1).select(["key", "path"])])
    assert not dataset.exists()


def test_nothing_is_a_table_of_no_rows(dataset: DatasetTable) -> None:
    assert dataset.replace([]) == 1
    assert dataset.count() == 0
    assert list(dataset.scan()) == []
    assert dataset.contents("image", []) == []


def test_a_deleted_table_is_gone_and_can_be_made_anew(dataset: DatasetTable, store: Store) -> None:
    dataset.append([_rows(0, 3)])
    dataset.delete()
    assert not dataset.exists()
    assert list(store.list("")) == []
    assert dataset.append([_rows(7, 1)]) == 1
    assert dataset.contents("image", [0]) == [b"7" * 10]


def test_a_missing_data_file_is_data_loss_and_names_the_table(
    dataset: DatasetTable, store: Store
) -> None:
    dataset.append([_rows(0, 3)])
    store.delete_prefix(f"{DATASET}/data/")
    with pytest.raises(DataLoss, match=r"pets\.lance"):
        dataset.read()


def test_a_writer_of_a_version_that_was_replaced_gets_conflict(dataset: DatasetTable) -> None:
    dataset.append([_rows(0, 1)])

    def overtaken() -> Iterator[pa.RecordBatch]:
        dataset.replace([_rows(5, 2)])
        yield _rows(1, 1)

    with pytest.raises(Conflict):
        dataset.append(overtaken())
    assert _paths(dataset) == ["cat/5 ä.png", "cat/6 ä.png"]


def test_only_one_of_two_writers_makes_the_table(dataset: DatasetTable) -> None:
    def overtaken() -> Iterator[pa.RecordBatch]:
        dataset.append([_rows(5, 2)])
        yield _rows(1, 1)

    for write in (dataset.append, dataset.replace):
        with pytest.raises(Conflict):
            write(overtaken())
        assert _paths(dataset) == ["cat/5 ä.png", "cat/6 ä.png"]
        dataset.delete()


_SLOW_REPLACE = """
import os, sys
from services.trainer.tables import DatasetTable
from tests.contracts.test_dataset_tables import DATASET, _rows
from tests.fixtures.s3 import StoreLocation
url, *environ = sys.argv[1:]
with StoreLocation(url, dict(pair.split("=", 1) for pair in environ)).open() as store:
    def rows():
        for number in range(40):
            yield _rows(1000 + number * 10, 10, size=40_000)
        print("written", flush=True)
        sys.stdin.read()  # until killed
    DatasetTable(store, DATASET).replace(rows())
"""


@pytest.mark.parametrize("before", [0, 3])
def test_a_replace_killed_in_the_middle_leaves_the_old_version(
    dataset: DatasetTable, store_location: StoreLocation, before: int
) -> None:
    if before:
        dataset.append([_rows(0, before)])
    pairs = [f"{name}={value}" for name, value in store_location.environ.items()]
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW_REPLACE, store_location.url, *pairs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    assert dataset.exists() == bool(before)
    if before:
        assert [v.number for v in dataset.versions()] == [1]
        assert _paths(dataset) == [f"cat/{n} ä.png" for n in range(before)]
    dataset.replace([_rows(50, 1)])
    assert _paths(dataset) == ["cat/50 ä.png"]


def test_memory_stays_bounded_while_much_is_written(dataset: DatasetTable) -> None:
    dataset.append([_rows(0, 1)])  # what Lance takes once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dataset.replace(_rows(number * 10, 10, size=400_000) for number in range(20))
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert dataset.count() == 200
    written_mb = sum(len(content) for content in dataset.contents("image", [0, 199])) * 100 / 2**20
    assert written_mb > 75
    assert grown_mb < 200
