"""DatasetService over the importer and the catalogue; thin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from graft.errors import FailedPrecondition, NotFound
from graft.model.v1 import evaluation_pb2
from graft.names import DatasetName, parse_project
from graft.trainer.v1 import dataset_pb2, dataset_service_pb2_grpc
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common.blocking import Bridge
from services.common.paging import take_page
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import Importer
from services.trainer.data.leaks import LeakFinder
from services.trainer.fields import parse_field
from services.trainer.jobs.runner import Runner

NAME = "graft.trainer.v1.DatasetService"


class DatasetServicer(dataset_service_pb2_grpc.DatasetServiceServicer):
    """Answers for the data sets; deleting one tells the runner."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        importer: Importer,
        leaks: LeakFinder,
        runner: Runner,
        bridge: Bridge,
    ) -> None:
        self._catalogue = catalogue
        self._importer = importer
        self._leaks = leaks
        self._runner = runner
        self._bridge = bridge

    async def ImportExamples(
        self, request_iterator: AsyncIterator[pb.ImportExamplesRequest], context: Any
    ) -> pb.ImportExamplesResponse:
        """One new version, or none."""
        return pb.ImportExamplesResponse(dataset=await self._importer.run(request_iterator))

    async def FindNearDuplicates(
        self, request_iterator: AsyncIterator[pb.FindNearDuplicatesRequest], context: Any
    ) -> pb.FindNearDuplicatesResponse:
        """Which of the examples are nearly in the data set already."""
        return await self._leaks.run(request_iterator)

    async def GetDataset(
        self, request: pb.GetDatasetRequest, context: Any
    ) -> pb.GetDatasetResponse:
        """One version and the numbers of all."""
        name = parse_field("name", DatasetName.parse, request.name)
        return await self._bridge.run(self._get, name, request.version)

    async def ListDatasets(
        self, request: pb.ListDatasetsRequest, context: Any
    ) -> pb.ListDatasetsResponse:
        """The newest version of each."""
        parse_field("parent", parse_project, request.parent)
        return await self._bridge.run(self._list, request)

    async def DeleteDataset(
        self, request: pb.DeleteDatasetRequest, context: Any
    ) -> pb.DeleteDatasetResponse:
        """First the data set, then the jobs that need it: none can start in between."""
        name = parse_field("name", DatasetName.parse, request.name)
        await self._bridge.run(self._catalogue.delete, name)
        await self._runner.fail_jobs_on(name)
        return pb.DeleteDatasetResponse()

    def _get(self, name: DatasetName, version: int) -> pb.GetDatasetResponse:
        found = self._describe(name, self._catalogue.version(name, version))
        return pb.GetDatasetResponse(dataset=found, versions=self._catalogue.versions(name))

    def _list(self, request: pb.ListDatasetsRequest) -> pb.ListDatasetsResponse:
        names = self._catalogue.names(parse_project(request.parent))
        page, token = take_page(names, str, size=request.page_size, token=request.page_token)
        answer = pb.ListDatasetsResponse(next_page_token=token)
        for name in page:
            try:
                answer.datasets.append(self._listed(name, self._catalogue.version(name)))
            except NotFound:
                continue  # deleted just now
        return answer

    def _listed(self, name: DatasetName, version: int) -> dataset_pb2.Dataset:
        """A data set; of one that is not read no more than that."""
        try:
            return self._describe(name, version)
        except FailedPrecondition as error:
            told = evaluation_pb2.DataSummary(warnings=[error.message])
            return dataset_pb2.Dataset(name=str(name), version=version, summary=told)

    def _describe(self, name: DatasetName, version: int) -> dataset_pb2.Dataset:
        return self._catalogue.describe(self._catalogue.snapshot(name, version))
