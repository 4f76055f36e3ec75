"""One Lance table in a store: a schema, versions, and writes that appear in one step."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import lance
import numpy as np
import pyarrow as pa
from lance.fragment import write_fragments

from graft.errors import Conflict, GraftError, InvalidArgument, NotFound
from services.common.store import Store
from services.trainer.lance_errors import lance_errors

MAX_FILE_BYTES = 256 << 20
SCAN_ROWS = 1024
SCAN_BYTES = 32 << 20  # a batch of a scan stays about this small, whatever its rows weigh
_FOR_EVER = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class TableVersion:
    """One committed state of a table; numbers ascend from 1."""

    number: int
    created: datetime
    rows: int


class LanceTable:
    """The table at `key`. Holds no open file or connection: every call opens what it reads.

    Safe with any number of threads and processes. Every method may raise Unavailable, DataLoss
    (a file of the table is missing or damaged) and FailedPrecondition (access denied).
    """

    def __init__(self, store: Store, key: str, schema: pa.Schema) -> None:
        self.key = key
        self.schema = schema
        self._store = store
        self._uri, self._options = store.table_location(key)

    def exists(self) -> bool:
        """Whether anything was ever committed here (and not deleted)."""
        try:
            self.version()
        except NotFound:
            return False
        return True

    def version(self) -> int:
        """The newest version. Raises NotFound."""
        return int(self.open().version)

    def versions(self) -> list[TableVersion]:
        """All versions, ascending. Raises NotFound."""
        opened = self.open()
        with lance_errors(self.key):
            return [_version(found) for found in opened.versions()]

    def count(self, version: int | None = None) -> int:
        """The number of rows. Raises NotFound."""
        opened = self.open(version)
        with lance_errors(self.key):
            return int(opened.count_rows())

    def append(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Add rows in one commit and return its version; makes the table where there is none.

        Memory is bounded by a few batches. An error of `batches` comes out as it is, and nothing
        is committed. Raises Conflict where the table was replaced or made meanwhile.
        """
        return self._write(batches, "append")

    def replace(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Make these all the rows, in one commit, and return its version; the last one wins.

        Older versions stay readable. Memory and errors are as in `append`.
        """
        return self._write(batches, "overwrite")

    def read(self, columns: Sequence[str] | None = None, version: int | None = None) -> pa.Table:
        """All rows, in the order they were written. Raises NotFound."""
        opened = self.open(version)
        with lance_errors(self.key):
            return opened.to_table(columns=_columns(columns))

    def scan(
        self, columns: Sequence[str] | None = None, version: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """All rows in order, a bounded batch at a time. Raises NotFound."""
        opened = self.open(version)
        with lance_errors(self.key):
            yield from opened.to_batches(
                columns=_columns(columns),
                batch_size=SCAN_ROWS,
                batch_size_bytes=SCAN_BYTES,
                batch_readahead=2,
                fragment_readahead=1,
                scan_in_order=True,
            )

    def rows(
        self,
        indices: Sequence[int] | np.ndarray[Any, np.dtype[np.int64]],
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """The rows at these positions (0 <= index < count), in this order, repeats allowed.

        Raises NotFound, and InvalidArgument for a position outside the table.
        """
        return self.take(self.open(version), np.asarray(indices, dtype=np.int64), columns)

    def open(self, version: int | None = None) -> Any:
        """The Lance dataset at one version (a snapshot). Raises NotFound."""
        with lance_errors(self.key, opening=True):
            return lance.dataset(self._uri, version=version, storage_options=self._options)

    def take(
        self,
        opened: Any,
        indices: np.ndarray[Any, np.dtype[np.int64]],
        columns: Sequence[str] | None,
    ) -> pa.Table:
        """The rows of an opened snapshot at these positions; as `rows`."""
        with lance_errors(self.key):
            rows = opened.count_rows()
            if indices.size and not 0 <= indices.min() <= indices.max() < rows:
                bad = indices[(indices < 0) | (indices >= rows)][0]
                raise InvalidArgument(f"a row of {self.key!r} must be in [0, {rows}), got {bad}")
            unique, back = np.unique(indices, return_inverse=True)
            found = opened.take(unique.tolist(), columns=_columns(columns))
        in_order = np.array_equal(back, np.arange(len(unique)))
        return found if in_order else found.take(pa.array(back))

    def fragments(self) -> int:
        """How many pieces the newest version is stored in. Raises NotFound."""
        return len(self.open().get_fragments())

    def compact(self, *, above: int, keep: timedelta) -> bool:
        """Merge the pieces if there are more than `above`; drop versions older than `keep`.

        Returns whether anything was merged: not where another process merges at the same time.
        """
        opened = self.open()
        with lance_errors(self.key):
            if len(opened.get_fragments()) <= above:
                return False
        try:
            with lance_errors(self.key):
                opened.optimize.compact_files()
                opened.cleanup_old_versions(older_than=keep)
        except Conflict:
            return False
        return True

    def remove_leftovers(self) -> None:
        """Remove files that interrupted writers left more than seven days ago; versions stay."""
        opened = self.open()
        with lance_errors(self.key):
            opened.cleanup_old_versions(older_than=_FOR_EVER)

    def delete(self) -> None:
        """Remove the table with all its versions; no error where there is none."""
        self._store.delete_prefix(f"{self.key}/_versions/")  # from here on nobody finds the rest
        self._store.delete_prefix(f"{self.key}/")

    def _write(
        self, batches: Iterable[pa.RecordBatch], mode: Literal["append", "overwrite"]
    ) -> int:
        try:
            opened = self.open()
        except NotFound:
            return self._create(batches)
        source = _Source(batches)
        with source.own_errors(), lance_errors(self.key):
            written = lance.write_dataset(
                source.reader(self.schema),
                opened,
                schema=self.schema,
                mode=mode,
                storage_options=self._options,
                max_bytes_per_file=MAX_FILE_BYTES,
            )
            return int(written.version)

    def _create(self, batches: Iterable[pa.RecordBatch]) -> int:
        """Commit version 1, which exactly one of several writers can do.

        Lance itself lets a second creator on S3 write version 2 over the first one's rows. So
        the manifest is made in a local folder and put in its place under the store's own
        put-if-absent; it names the data files relative to the table.
        """
        source = _Source(batches)
        with source.own_errors(), lance_errors(self.key):
            fragments = write_fragments(
                source.reader(self.schema),
                self._uri,
                schema=self.schema,
                mode="create",
                storage_options=self._options,
                max_bytes_per_file=MAX_FILE_BYTES,
            )
        with tempfile.TemporaryDirectory() as folder:
            with lance_errors(self.key):
                first = lance.LanceOperation.Overwrite(self.schema, fragments)
                lance.LanceDataset.commit(folder, first)
            self._publish(Path(folder))
        return 1

    def _publish(self, folder: Path) -> None:
        for path in sorted(folder.glob("_transactions/*")):
            self._store.put_file(f"{self.key}/_transactions/{path.name}", path)
        (manifest,) = folder.glob("_versions/*.manifest")
        key = f"{self.key}/_versions/{manifest.name}"
        self._store.put(key, manifest.read_bytes(), if_absent=True)


class _Source:
    """Batches for Lance, which hides the exception of an iterator in one of its own."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self._failure: BaseException | None = None

    def reader(self, schema: pa.Schema) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(schema, self._guarded(schema))

    def _guarded(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                yield _fitting(batch, schema)
        except GeneratorExit:  # Lance itself failed and wants no more
            raise
        except BaseException as error:
            self._failure = error
            raise

    @contextmanager
    def own_errors(self) -> Iterator[None]:
        try:
            yield
        except GraftError:
            if self._failure is not None:
                raise self._failure from None
            raise


def _fitting(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if not batch.schema.equals(schema):  # Lance panics over some of these
        raise InvalidArgument(f"rows must have the schema {schema}, got {batch.schema}")
    return batch


def _columns(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


def _version(found: dict[str, Any]) -> TableVersion:
    return TableVersion(
        number=int(found["version"]),
        created=found["timestamp"].astimezone(UTC),
        rows=int(found["metadata"]["total_rows"]),
    )
