"""The models of the store, as they are listed and looked up: read from it for every question."""

from __future__ import annotations

from graft.errors import InvalidArgument, NotFound
from graft.model.v1 import model_pb2
from graft.names import AliasName, ModelName, parse_project
from graft.predictor.v1 import predictor_service_pb2 as pb
from services.common import artifacts, layout
from services.common.paging import take_page
from services.common.store.base import Store
from services.predictor.served import Name, Revision, revision_of


def read_model(
    store: Store, name: Name
) -> tuple[model_pb2.Model, model_pb2.ModelVersion, Revision]:
    """A model, the version that `name` means now, and its identity. Blocks; raises NotFound."""
    model = artifacts.read_model(store, name.model)
    version = name
    if isinstance(version, AliasName):
        version = name.model.version(artifacts.read_alias(store, version))
    info = store.head(layout.manifest(version))
    manifest = artifacts.read_manifest(store, version)
    return model, manifest, revision_of(version, info.etag if info else "")


def list_models(store: Store, request: pb.ListModelsRequest) -> pb.ListModelsResponse:
    """One page of a project's models by name; those without a version are left out. Blocks."""
    children = store.children(layout.models_prefix(_project(request.parent)))
    page, token = take_page(children, str, size=request.page_size, token=request.page_token)
    answer = pb.ListModelsResponse(next_page_token=token)
    for child in page:
        try:
            name = ModelName.parse(f"{request.parent}/models/{child}")
            answer.models.append(artifacts.read_model(store, name))
        except (NotFound, InvalidArgument):
            continue  # not finished, deleted meanwhile, or no model of ours
    return answer


def _project(parent: str) -> str:
    try:
        return parse_project(parent)
    except InvalidArgument as error:
        error.field = "parent"
        raise
