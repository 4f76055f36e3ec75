"""Predictions: batches split by the server's limits, answered in the order of the items."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graft.client.asking import Send, ask_each
from graft.client.connection import Connection
from graft.client.detections import Detected, DetectedObject
from graft.content import Item
from graft.errors import GraftError
from graft.names import VersionName, expand_servable
from graft.predictor.v1 import predictor_service_pb2


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one item: the most probable label and its probability.

    `unknown` says that the model would rather not answer; `scores` holds the most probable labels
    (at most 100), most probable first; `version` is the concrete version that answered. `labels`:
    of a model of several labels an item those that it bears, most probable first; else None.
    `detected`: of a detector what it found, the other fields being empty then; else None.
    """

    label: str
    score: float
    unknown: bool
    scores: Mapping[str, float]
    model_version: str
    labels: tuple[str, ...] | None = None
    detected: Detected | None = None

    @property
    def version(self) -> int:
        """The number of the version that answered."""
        return VersionName.parse(self.model_version).version

    @property
    def objects(self) -> tuple[DetectedObject, ...] | None:
        """Of a detector the things that it found, most certain first; else None."""
        return None if self.detected is None else self.detected.objects

    @classmethod
    def from_proto(cls, answer: predictor_service_pb2.Prediction, model_version: str) -> Prediction:
        """Read an answer off the wire."""
        scores = {one.label: one.score for one in answer.scores}
        borne = answer.borne if answer.HasField("borne") else None
        labels = None if borne is None else tuple(one.label for one in borne.labels)
        detected = Detected.from_proto(answer.detected) if answer.HasField("detected") else None
        return cls(
            answer.label, answer.score, answer.unknown, scores, model_version, labels, detected
        )


Answer = Prediction | GraftError
"""What one item came to."""


class Predictor:
    """Asks the predictor of one project."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._project = project

    async def predict(self, model: str, items: Sequence[Item]) -> list[Prediction]:
        """Answer every item or raise the error of the first bad one, whose `field` names it."""
        found: list[Prediction] = []
        async with aclosing(self.predict_each(model, items)) as answers:
            async for answer in answers:
                if isinstance(answer, GraftError):
                    raise answer
                found.append(answer)
        return found

    async def predict_each(self, model: str, items: Sequence[Item]) -> AsyncGenerator[Answer, None]:
        """Yield an answer for each item, in order; a bad item is its own error and no other's."""
        name = expand_servable(model, project=self._project)

        async def send(contents: list[Any]) -> list[Any]:
            request = predictor_service_pb2.PredictRequest(model=name, items=contents)
            response = await self._connection.call_patiently("predictor", "Predict", request)
            version = response.model_version
            return [Prediction.from_proto(one, version) for one in response.predictions]

        async with aclosing(self._each(items, send)) as answers:
            async for answer in answers:
                yield answer

    async def predict_many(
        self, models: Sequence[str], items: Sequence[Item]
    ) -> dict[str, list[Prediction]]:
        """Answer every item with every model; each backbone runs once. Raises like `predict`."""
        names = [expand_servable(model, project=self._project) for model in models]

        async def send(contents: list[Any]) -> list[Any]:
            request = predictor_service_pb2.PredictManyRequest(models=names, items=contents)
            answer = self._connection.call_patiently("predictor", "PredictMany", request)
            response = await answer
            columns = [
                [Prediction.from_proto(one, result.model_version) for one in result.predictions]
                for result in response.results
            ]
            return list(zip(*columns, strict=True))

        found: dict[str, list[Prediction]] = {model: [] for model in models}
        async with aclosing(self._each(items, send)) as rows:
            async for row in rows:
                if isinstance(row, GraftError):
                    raise row
                for model, prediction in zip(models, row, strict=True):
                    found[model].append(prediction)
        return found

    async def labels(self, model: str) -> tuple[str, ...]:
        """Answer the labels that a model knows, in the order of its scores. Raises NotFound."""
        name = expand_servable(model, project=self._project)
        request = predictor_service_pb2.GetModelRequest(name=name)
        response = await self._connection.call("predictor", "GetModel", request)
        return tuple(response.version.labels)

    async def _each(self, items: Sequence[Item], send: Send) -> AsyncGenerator[Any, None]:
        limits = await self._connection.info("predictor")
        async with aclosing(ask_each(items, limits, send)) as answers:
            async for answer in answers:
                yield answer
