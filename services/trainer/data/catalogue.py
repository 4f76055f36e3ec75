"""The data sets of the store, as they are read; synchronous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
from google.protobuf import timestamp_pb2

from graft.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from graft.names import DatasetName
from graft.trainer.v1 import dataset_pb2
from services.common import layout
from services.common.store import Store
from services.trainer.data import fingerprint
from services.trainer.data.rows import (
    ACCEPTED,
    IMAGE,
    TEXT,
    Part,
    Row,
    Sorting,
    label_box_counts,
    label_counts,
    sort_out,
)
from services.trainer.data.sketch import Sketches, stack
from services.trainer.data.summary import summarise
from services.trainer.tables import DatasetTable, labelled_box

MAX_LISTED_LABELS: Final = 10_000
_SUFFIX: Final = ".lance"
_COLUMNS: Final = ("key", "path", "labels", "verdict", "detail", "image_key", "text_key")
_OF_BOXES: Final = ("width", "height", "boxes", "note")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a data set: all rows, without their contents."""

    name: DatasetName
    version: int
    rows: tuple[Row, ...]
    sorting: Sorting


class Catalogue:
    """Reads and removes data sets. Holds no state; every call sees what is there now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self, project: str) -> list[DatasetName]:
        """The data sets of a project by name."""
        children = self._store.children(layout.datasets_prefix(project))
        found = [c.removesuffix(_SUFFIX) for c in children if c.endswith(_SUFFIX)]
        return [DatasetName(project, name) for name in sorted(found)]

    def table(self, name: DatasetName) -> DatasetTable:
        """The table of a data set, which need not exist."""
        return DatasetTable(self._store, layout.dataset_table(name))

    def version(self, name: DatasetName, wanted: int = 0) -> int:
        """Check that a version exists and answer its number; 0 wants the newest. NotFound."""
        versions = self.versions(name)
        if wanted and wanted not in versions:
            raise NotFound(
                f"{name} has the versions {versions[0]} to {versions[-1]}. Received: {wanted}",
                metadata={"name": str(name), "version": str(wanted)},
            )
        return wanted or versions[-1]

    def versions(self, name: DatasetName) -> list[int]:
        """All versions, ascending; NotFound when there is no such data set."""
        try:
            return [version.number for version in self.table(name).versions()]
        except NotFound as error:
            raise not_found(name) from error

    def snapshot(self, name: DatasetName, version: int) -> Snapshot:
        """The rows of a version; NotFound, or FailedPrecondition for one that an older suite
        wrote."""
        try:
            table = self.table(name).read((*_COLUMNS, *_OF_BOXES), version)
        except NotFound as error:
            raise not_found(name) from error
        except InvalidArgument as error:
            raise FailedPrecondition(
                f"{name} was imported by another version of the suite and is not read; import it"
                f" again. Received: version {version}",
                metadata={"name": str(name), "version": str(version)},
            ) from error
        rows = tuple(_rows(table))
        return Snapshot(name, version, rows, sort_out(rows))

    def contents(
        self, name: DatasetName, version: int, part: str, numbers: Sequence[int]
    ) -> list[bytes]:
        """A part, IMAGE or TEXT, of the rows of these numbers: files, or texts in UTF-8.
        NotFound."""
        try:
            return self.table(name).contents(part, numbers, version)
        except (NotFound, DataLoss) as error:
            self.versions(name)  # raises NotFound when the data set is what is missing
            raise error

    def sketches(self, name: DatasetName, version: int, numbers: Sequence[int]) -> Sketches:
        """The sketches of the rows of these numbers, used images: uint8 [n, side, side, 3].
        NotFound; InvalidArgument for rows that have none."""
        return stack(self._sketches(name, version, IMAGE, numbers))

    def fingerprints(
        self, name: DatasetName, version: int, numbers: Sequence[int]
    ) -> fingerprint.Fingerprints:
        """The fingerprints of the rows of these numbers, used texts: uint32 [n, hashes]. NotFound;
        InvalidArgument for rows that have none."""
        return fingerprint.stack(self._sketches(name, version, TEXT, numbers))

    def describe(self, snapshot: Snapshot, *, since: int = 0) -> dataset_pb2.Dataset:
        """The resource of a version; its summary tells of the rows from number `since` on."""
        counts = label_counts(snapshot.rows, snapshot.sorting)
        boxes = label_box_counts(snapshot.rows, snapshot.sorting)
        labels = [
            dataset_pb2.LabelCount(label=label, example_count=count, box_count=boxes.get(label, 0))
            for label, count in list(counts.items())[:MAX_LISTED_LABELS]
        ]
        summary = summarise(snapshot.rows, snapshot.sorting, since=since)
        return dataset_pb2.Dataset(
            name=str(snapshot.name),
            version=snapshot.version,
            labels=labels,
            summary=summary,
            size_bytes=_size(snapshot.rows),
            create_time=self._created(snapshot),
            multi_label=snapshot.sorting.multi_label,
            boxed=snapshot.sorting.boxed,
            modality=summary.modality,
        )

    def delete(self, name: DatasetName) -> None:
        """Remove a data set with all its versions; NotFound."""
        self.versions(name)
        self.table(name).delete()

    def _sketches(
        self, name: DatasetName, version: int, part: str, numbers: Sequence[int]
    ) -> list[bytes]:
        try:
            return self.table(name).sketches(part, numbers, version)
        except (NotFound, DataLoss) as error:
            self.versions(name)
            raise error

    def _created(self, snapshot: Snapshot) -> timestamp_pb2.Timestamp:
        versions = self.table(snapshot.name).versions()
        created = timestamp_pb2.Timestamp()
        for version in versions:
            if version.number == snapshot.version:
                created.FromDatetime(version.created)
        return created


def not_found(name: DatasetName) -> NotFound:
    """The error for a data set that is not there."""
    return NotFound(
        f"{name} does not exist; `graft datasets list` tells which do. Received: {str(name)!r}",
        metadata={"name": str(name)},
    )


def _rows(table: pa.Table) -> list[Row]:
    columns = [table.column(name).to_pylist() for name in _COLUMNS]
    rows = [
        Row(key, path, tuple(labels), verdict, detail, image and Part(image), text and Part(text))
        for key, path, labels, verdict, detail, image, text in zip(*columns, strict=True)
    ]
    drawn = [table.column(name).to_pylist() for name in _OF_BOXES]
    return [
        replace(row, size=(width, height), boxes=tuple(map(labelled_box, boxes)), note=note)
        if width
        else row
        for row, width, height, boxes, note in zip(rows, *drawn, strict=True)
    ]


def _size(rows: tuple[Row, ...]) -> int:
    """The bytes of all contents, each different one counted once."""
    sizes = {row.key: row.size_bytes for row in rows if row.verdict == ACCEPTED}
    return sum(sizes.values())
