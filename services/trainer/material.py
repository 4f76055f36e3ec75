"""The examples that a job trains on, taken from one version of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.errors import FailedPrecondition
from graft.model.v1 import evaluation_pb2
from graft.names import DatasetName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.heads.base import Floats
from services.common.store import Store
from services.trainer.data.catalogue import Catalogue, Snapshot
from services.trainer.data.rows import Row, summarise
from services.trainer.evaluate.proto import Source
from services.trainer.report.sections import MAX_PICTURES
from services.trainer.search.examples import MIN_CLASSES, Examples
from services.trainer.thumbnails import thumbnail

_READ_AT_ONCE: Final = 8  # files of up to 20 MiB


@dataclass(frozen=True, slots=True)
class Material:
    """The examples that are used, ordered by label and content whatever the order of import.

    `numbers` are their rows in the snapshot.
    """

    snapshot: Snapshot
    numbers: tuple[int, ...]
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    catalogue: Catalogue

    @property
    def keys(self) -> list[bytes]:
        """The SHA-256 of each example."""
        return [row.key for row in self.rows]

    @property
    def paths(self) -> list[str]:
        """Where each example came from."""
        return [row.path for row in self.rows]

    def contents(self, positions: Sequence[int]) -> list[bytes]:
        """The files of the examples at these positions; NotFound when the data set is gone."""
        numbers = [self.numbers[position] for position in positions]
        return self.catalogue.contents(self.snapshot.name, self.snapshot.version, numbers)

    def examples(self, vectors: Floats) -> Examples:
        """What the search takes, of the vectors float32 [n, dim] in the order of `rows`.

        Exact copies were left out at import, so that every example is a group of its own.
        """
        index = {label: number for number, label in enumerate(self.labels)}
        y = np.array([index[row.label] for row in self.rows], np.int64)
        return Examples(vectors, y, self.labels, np.arange(len(y), dtype=np.int64))

    def sources(self) -> list[Source]:
        """Path and digest of each example, for the report."""
        return [Source(row.path, row.key.hex()) for row in self.rows]

    def summary(self) -> evaluation_pb2.DataSummary:
        """What the whole version holds."""
        return summarise(self.snapshot.rows, self.snapshot.sorting)

    def pictures(self, mistakes: Sequence[evaluation_pb2.Mistake]) -> dict[str, bytes]:
        """Thumbnails, by SHA-256, of the mistakes that the page shows."""
        shown = {mistake.sha256 for mistake in mistakes[:MAX_PICTURES]}
        wanted = [n for n, row in enumerate(self.rows) if row.key.hex() in shown]
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[start : start + _READ_AT_ONCE]
            made = map(thumbnail, self.contents(some))
            found.update(zip((self.rows[n].key.hex() for n in some), made, strict=True))
        return {sha256: jpeg for sha256, jpeg in found.items() if jpeg}


def gather(store: Store, spec: pb.TrainingSpec) -> Material:
    """The examples of a spec; NotFound, or FailedPrecondition (DATASET_UNTRAINABLE) before
    anything is embedded."""
    catalogue = Catalogue(store)
    snapshot = catalogue.snapshot(DatasetName.parse(spec.dataset), spec.dataset_version)
    rows = snapshot.rows
    numbers = sorted(snapshot.sorting.used, key=lambda n: (rows[n].label, rows[n].key))
    used = tuple(rows[number] for number in numbers)
    labels = tuple(sorted({row.label for row in used}))
    material = Material(snapshot, tuple(numbers), used, labels, catalogue)
    check_trainable(material)
    return material


def check_trainable(material: Material) -> None:
    """Raise FailedPrecondition unless there are two classes, telling what there is."""
    if len(material.labels) >= MIN_CLASSES:
        return
    sorting = material.snapshot.sorting
    what = f"only the class {material.labels[0]!r}" if material.labels else "no class"
    raise FailedPrecondition(
        f"{material.snapshot.name} cannot be trained on: a classifier needs usable examples of"
        f" {MIN_CLASSES} classes or more; add another class. Received: {len(material.rows)} usable"
        f" examples of {what} ({len(sorting.rejected)} rejected, {len(sorting.conflicts)} under two"
        " labels)",
        reason="DATASET_UNTRAINABLE",
        metadata={"classes": str(len(material.labels)), "examples": str(len(material.rows))},
    )
