"""ModelService over the artefacts in the store; thin."""

from __future__ import annotations

from typing import Any

from graft.errors import InvalidArgument, NotFound
from graft.model.v1 import model_pb2
from graft.names import AliasName, ModelName, VersionName, parse_project, parse_servable
from graft.trainer.v1 import model_service_pb2 as pb
from graft.trainer.v1 import model_service_pb2_grpc
from services.common import artifacts, layout
from services.common.blocking import Bridge
from services.common.paging import take_page
from services.common.store import Store
from services.trainer.fields import parse_field

NAME = "graft.trainer.v1.ModelService"


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """Answers for the models; every answer is read from the store."""

    def __init__(self, store: Store, bridge: Bridge) -> None:
        self._store = store
        self._bridge = bridge

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        """Versions and aliases."""
        name = parse_field("name", ModelName.parse, request.name)
        found = await self._bridge.run(artifacts.read_model, self._store, name)
        return pb.GetModelResponse(model=found)

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Any
    ) -> pb.ListModelsResponse:
        """By name."""
        parse_field("parent", parse_project, request.parent)
        return await self._bridge.run(self._list, request)

    async def GetModelVersion(
        self, request: pb.GetModelVersionRequest, context: Any
    ) -> pb.GetModelVersionResponse:
        """The manifest."""
        name = parse_field("name", parse_servable, request.name)
        return await self._bridge.run(self._version, name)

    async def GetEvaluation(
        self, request: pb.GetEvaluationRequest, context: Any
    ) -> pb.GetEvaluationResponse:
        """The report, and the page when asked for."""
        name = parse_field("name", parse_servable, request.name)
        return await self._bridge.run(self._evaluation, name, request.include_html)

    async def SetAlias(self, request: pb.SetAliasRequest, context: Any) -> pb.SetAliasResponse:
        """Move an alias."""
        name = parse_field("name", AliasName.parse, request.name)
        if request.version < 1:
            raise InvalidArgument(
                f"version must be 1 or more. Received: {request.version}", field="version"
            )
        return await self._bridge.run(self._alias, name, request.version)

    async def DeleteModel(
        self, request: pb.DeleteModelRequest, context: Any
    ) -> pb.DeleteModelResponse:
        """All versions."""
        name = parse_field("name", ModelName.parse, request.name)
        await self._bridge.run(artifacts.delete_model, self._store, name)
        return pb.DeleteModelResponse()

    def _list(self, request: pb.ListModelsRequest) -> pb.ListModelsResponse:
        names = artifacts.list_models(self._store, parse_project(request.parent))
        page, token = take_page(names, str, size=request.page_size, token=request.page_token)
        answer = pb.ListModelsResponse(next_page_token=token)
        for name in page:
            try:
                answer.models.append(artifacts.read_model(self._store, name))
            except NotFound:
                continue  # deleted just now
        return answer

    def _manifest(self, name: VersionName | AliasName) -> model_pb2.ModelVersion:
        if isinstance(name, AliasName):
            name = name.model.version(artifacts.read_alias(self._store, name))
        return artifacts.read_manifest(self._store, name)

    def _version(self, name: VersionName | AliasName) -> pb.GetModelVersionResponse:
        return pb.GetModelVersionResponse(version=self._manifest(name))

    def _evaluation(self, name: VersionName | AliasName, page: bool) -> pb.GetEvaluationResponse:
        version = VersionName.parse(self._manifest(name).name)
        answer = pb.GetEvaluationResponse(
            evaluation=artifacts.read_evaluation(self._store, version)
        )
        if page:
            answer.html = self._store.get(layout.report_page(version))
        return answer

    def _alias(self, name: AliasName, version: int) -> pb.SetAliasResponse:
        artifacts.set_alias(self._store, name, version)
        return pb.SetAliasResponse(model=artifacts.read_model(self._store, name.model))
