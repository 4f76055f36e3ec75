"""Data sets: labelled examples that the trainer keeps in versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from graft.client.backbones import modality_name
from graft.client.connection import BULK_TIMEOUT_S, Connection, ServerInfo
from graft.client.numbers import whole
from graft.client.pages import every
from graft.client.times import optional_time
from graft.client.upload import Upload, UploadProgress, chunks
from graft.errors import GraftError
from graft.examples import Example
from graft.model.v1 import evaluation_pb2
from graft.names import DatasetName, check_id, project_name
from graft.trainer.v1 import dataset_pb2, dataset_service_pb2


@dataclass(frozen=True, slots=True)
class ImportIssue:
    """One file that was not taken, or is doubtful, and why."""

    path: str
    labels: tuple[str, ...]
    message: str

    @classmethod
    def from_proto(cls, issue: evaluation_pb2.ImportIssue) -> ImportIssue:
        """Read an issue off the wire."""
        return cls(issue.path, tuple(issue.labels), issue.message)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a data set; `issues` are the first 100 of what the counts count.

    `modality` is `image`, `text`, or `image and text`, where an example may lack either; it is
    empty where there is no example. With `multi_label` an example may bear several labels, or none.
    With `boxed` the examples say where their things are: `boxes` counts those of each label, crowds
    left out.
    """

    name: str
    version: int
    labels: Mapping[str, int]
    example_count: int
    rejected_count: int
    duplicate_count: int
    conflict_count: int
    issues: tuple[ImportIssue, ...]
    warnings: tuple[str, ...]
    size_bytes: int
    create_time: datetime | None
    multi_label: bool = False
    modality: str = ""
    boxed: bool = False
    boxes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_proto(cls, dataset: dataset_pb2.Dataset) -> Dataset:
        """Read a data set off the wire."""
        summary = dataset.summary
        return cls(
            name=dataset.name,
            version=dataset.version,
            labels={entry.label: entry.example_count for entry in dataset.labels},
            example_count=summary.example_count,
            rejected_count=summary.rejected_count,
            duplicate_count=summary.duplicate_count,
            conflict_count=summary.conflict_count,
            issues=tuple(map(ImportIssue.from_proto, summary.issues)),
            warnings=tuple(summary.warnings),
            size_bytes=dataset.size_bytes,
            create_time=optional_time(dataset, "create_time"),
            multi_label=dataset.multi_label,
            modality=modality_name(dataset.modality),
            boxed=dataset.boxed,
            boxes={one.label: one.box_count for one in dataset.labels} if dataset.boxed else {},
        )


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Example number `position` is nearly the same as the one that a data set holds under `path`;
    `identical`: byte by byte."""

    position: int
    path: str
    identical: bool


class Datasets:
    """The data sets of one project; a `dataset` is its id, such as `pets`."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._project = project

    async def import_examples(
        self,
        dataset: str,
        examples: Iterable[Example],
        *,
        append: bool = False,
        on_progress: Callable[[UploadProgress], None] | None = None,
    ) -> Dataset:
        """Make one new version of all the examples together, or none at all.

        An example that cannot be used never fails the import: the summary says which and why.
        Raises InvalidArgument when there is no example, or the id is no name.
        """
        name = self._name(dataset)
        limits = await self._connection.info("trainer")
        upload = Upload(name, append=append, on_progress=on_progress)
        try:
            response = await self._connection.call(
                "datasets",
                "ImportExamples",
                upload.messages(examples, limits),
                timeout_s=BULK_TIMEOUT_S,
            )
        except (asyncio.CancelledError, GraftError) as error:
            if upload.failure is not None:
                raise upload.failure from error
            raise
        return Dataset.from_proto(response.dataset)

    async def near_duplicates(
        self, dataset: str, examples: Iterable[Example], *, version: int = 0
    ) -> tuple[NearDuplicate, ...]:
        """Tell which of the examples are nearly the same as one of the data set, in their order.

        Examples that cannot be read are none. Raises NotFound; ResourceExhausted for very many.
        """
        limits = await self._connection.info("trainer")
        response = await self._connection.call(
            "datasets",
            "FindNearDuplicates",
            _compared(self._name(dataset), whole(version, "version"), examples, limits),
            timeout_s=BULK_TIMEOUT_S,
        )
        return tuple(
            NearDuplicate(one.position, one.path, one.identical) for one in response.near_duplicates
        )

    async def get(self, dataset: str, *, version: int = 0) -> Dataset:
        """Tell one data set; version 0 is the newest. Raises NotFound."""
        request = dataset_service_pb2.GetDatasetRequest(
            name=self._name(dataset), version=whole(version, "version")
        )
        response = await self._connection.call("datasets", "GetDataset", request)
        return Dataset.from_proto(response.dataset)

    async def list(self) -> tuple[Dataset, ...]:
        """List the newest version of each, by name."""
        request = dataset_service_pb2.ListDatasetsRequest(parent=project_name(self._project))
        found = await every(self._connection, "datasets", "ListDatasets", request, "datasets")
        return tuple(Dataset.from_proto(one) for one in found)

    async def delete(self, dataset: str) -> None:
        """Remove a data set with all its versions. Raises NotFound."""
        request = dataset_service_pb2.DeleteDatasetRequest(name=self._name(dataset))
        await self._connection.call("datasets", "DeleteDataset", request)

    def _name(self, dataset: str) -> str:
        if dataset.startswith("projects/"):
            return str(DatasetName.parse(dataset))
        return str(DatasetName(self._project, check_id(dataset, "dataset")))


async def _compared(
    name: str, version: int, examples: Iterable[Example], limits: ServerInfo
) -> AsyncGenerator[dataset_service_pb2.FindNearDuplicatesRequest, None]:
    yield dataset_service_pb2.FindNearDuplicatesRequest(dataset=name, version=version)
    some = chunks(examples, limits)
    while chunk := await asyncio.to_thread(next, some, None):
        yield dataset_service_pb2.FindNearDuplicatesRequest(examples=chunk)
