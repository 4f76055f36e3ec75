"""Predictions: batches split by the server's limits, answered in the order of the items."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from graft.client.batches import REQUESTS_IN_FLIGHT, Batch, split
from graft.client.connection import Connection
from graft.client.detections import Detected, DetectedObject
from graft.content import Item, item_name, load
from graft.errors import GraftError
from graft.names import VersionName, expand_servable
from graft.predictor.v1 import predictor_service_pb2

_ITEM_FIELD = re.compile(r"items\[(\d+)\]")


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

_Row = tuple[Any, ...]
_Send = Callable[[list[Any]], Coroutine[Any, Any, list[Any]]]


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
            response = await self._connection.call("predictor", "Predict", request)
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
            response = await self._connection.call("predictor", "PredictMany", request)
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

    async def _each(self, items: Sequence[Item], send: _Send) -> AsyncGenerator[Any, None]:
        """Keep a bounded number of requests in flight and yield their answers in order."""
        batches = split(items, await self._connection.info("predictor"))
        flying: deque[asyncio.Task[list[Any]]] = deque()
        try:
            while True:
                while len(flying) < REQUESTS_IN_FLIGHT and (batch := next(batches, None)):
                    flying.append(asyncio.create_task(_answer(items, batch, send)))
                if not flying:
                    return
                for answer in await flying[0]:
                    yield answer
                flying.popleft()
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)


async def _answer(items: Sequence[Item], batch: Batch, send: _Send) -> list[Any]:
    """Answer a batch in the order of its items; the error of one item is only its own.

    The server answers all of a request or names the first bad item: that one is set aside and the
    rest sent again, at most once an item. An error that names no item is everybody's.
    """
    answers: dict[int, Any] = dict(batch.failures)
    contents = {}
    for position in batch.positions:
        try:
            contents[position] = await asyncio.to_thread(load, items[position])
        except GraftError as error:
            answers[position] = error
    while contents:
        sent = list(contents)
        try:
            replies = await send(list(contents.values()))
        except GraftError as error:
            bad = _culprit(error, sent)
            answers[bad] = _renamed(error, bad, items[bad])
            del contents[bad]
        else:
            answers.update(zip(sent, replies, strict=True))
            break
    return [answers[position] for position in sorted(answers)]


def _culprit(error: GraftError, sent: Sequence[int]) -> int:
    """Answer the position of the item that an error is about, or raise the error itself."""
    match = _ITEM_FIELD.match(error.field)
    if match is None or int(match[1]) >= len(sent):
        raise error
    return sent[int(match[1])]


def _renamed(error: GraftError, position: int, item: Item) -> GraftError:
    """Make an error whose field counts as the caller does and whose text names the item's file."""
    match = _ITEM_FIELD.match(error.field)
    assert match is not None
    there, here = match[0], f"items[{position}]"
    return type(error)(
        error.message.replace(there, item_name(item, position)),
        reason=error.reason,
        field=error.field.replace(there, here),
        metadata=error.metadata,
        retry_after_s=error.retry_after_s,
    )
