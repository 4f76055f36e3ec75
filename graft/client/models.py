"""Models: versions, aliases and reports of what was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from graft.client.connection import Connection
from graft.client.numbers import whole
from graft.client.pages import every
from graft.client.reports import Evaluation, Interval, Report, optional_interval
from graft.client.times import optional_time
from graft.model.v1 import model_pb2
from graft.names import LIVE, AliasName, ModelName, check_id, expand_servable, project_name
from graft.trainer.v1 import model_service_pb2


@dataclass(frozen=True, slots=True)
class Model:
    """All versions under one name; the alias `live` is what the bare name means."""

    name: str
    versions: tuple[int, ...]
    aliases: Mapping[str, int]

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @classmethod
    def from_proto(cls, model: model_pb2.Model) -> Model:
        """Read a model off the wire."""
        return cls(model.name, tuple(model.versions), dict(model.aliases))


def task_name(task: model_pb2.Task) -> str:
    """`classification`, `multi-label` or `detection`; empty where it is not stated."""
    known = {
        model_pb2.TASK_CLASSIFICATION: "classification",
        model_pb2.TASK_MULTI_LABEL: "multi-label",
        model_pb2.TASK_DETECTION: "detection",
    }
    return known.get(task, "")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One trained model; `labels` are in the order of every score vector.

    `task` is `classification` where an item has one label, `multi-label` where it may have several,
    `detection` where the things of a picture are found. `endpoints` are the layers of the backbone
    whose vectors the head takes, joined in this order. Of a detector `input_size` is the height and
    width in pixels at which pictures are looked at, and `map50` (mean average precision at IoU 0.5)
    stands in the place of `accuracy`. Of a model of images with texts `backbone` reads the images,
    and `text_backbone` the texts, at `text_endpoints`; of any other both are empty.
    """

    name: str
    version: int
    task: str
    labels: tuple[str, ...]
    backbone: str
    backbone_digest: str
    endpoints: tuple[str, ...]
    head: str
    head_parameters: Mapping[str, str]
    head_size_bytes: int
    dataset: str
    dataset_version: int
    training_job: str
    seed: int
    accuracy: Interval | None
    example_count: int
    create_time: datetime | None
    suite_version: str
    input_size: tuple[int, ...] = ()
    map50: Interval | None = None
    text_backbone: str = ""
    text_endpoints: tuple[str, ...] = ()

    @classmethod
    def from_proto(cls, version: model_pb2.ModelVersion) -> ModelVersion:
        """Read a version off the wire."""
        return cls(
            name=version.name,
            version=version.version,
            task=task_name(version.task),
            labels=tuple(version.labels),
            backbone=version.features.backbone,
            backbone_digest=version.features.backbone_digest,
            endpoints=tuple(version.features.endpoints),
            head=version.head.kind,
            head_parameters=dict(version.head.parameters),
            head_size_bytes=version.head.size_bytes,
            dataset=version.dataset,
            dataset_version=version.dataset_version,
            training_job=version.training_job,
            seed=version.seed,
            accuracy=optional_interval(version, "accuracy"),
            example_count=version.example_count,
            create_time=optional_time(version, "create_time"),
            suite_version=version.suite_version,
            input_size=tuple(version.features.input_size),
            map50=optional_interval(version, "map50"),
            text_backbone=version.text_features.backbone,
            text_endpoints=tuple(version.text_features.endpoints),
        )


class Models:
    """The models of one project; `model` is NAME, NAME@ALIAS, NAME/VERSION or a whole name."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._project = project

    async def list(self) -> tuple[Model, ...]:
        """List the models by name."""
        request = model_service_pb2.ListModelsRequest(parent=project_name(self._project))
        found = await every(self._connection, "models", "ListModels", request, "models")
        return tuple(Model.from_proto(one) for one in found)

    async def get(self, model: str) -> Model:
        """Tell one model, by NAME. Raises NotFound."""
        request = model_service_pb2.GetModelRequest(name=str(self._model(model)))
        return Model.from_proto((await self._connection.call("models", "GetModel", request)).model)

    async def version(self, model: str) -> ModelVersion:
        """Tell one version. Raises NotFound."""
        name = expand_servable(model, project=self._project)
        request = model_service_pb2.GetModelVersionRequest(name=name)
        response = await self._connection.call("models", "GetModelVersion", request)
        return ModelVersion.from_proto(response.version)

    async def report(self, model: str) -> Report:
        """Answer the report of one version, as data and as a page. Raises NotFound."""
        name = expand_servable(model, project=self._project)
        request = model_service_pb2.GetEvaluationRequest(name=name, include_html=True)
        response = await self._connection.call("models", "GetEvaluation", request)
        return Report(Evaluation.from_proto(response.evaluation), response.html.decode("utf-8"))

    async def promote(self, model: str, version: int, *, alias: str = LIVE) -> Model:
        """Make an alias point at a version; predictors follow within two seconds."""
        name = AliasName(self._model(model), check_id(alias, "alias"))
        request = model_service_pb2.SetAliasRequest(
            name=str(name), version=whole(version, "version")
        )
        return Model.from_proto((await self._connection.call("models", "SetAlias", request)).model)

    async def delete(self, model: str) -> None:
        """Remove a model with all its versions. Raises NotFound."""
        request = model_service_pb2.DeleteModelRequest(name=str(self._model(model)))
        await self._connection.call("models", "DeleteModel", request)

    def _model(self, model: str) -> ModelName:
        if model.startswith("projects/"):
            return ModelName.parse(model)
        return ModelName(self._project, check_id(model, "model"))
