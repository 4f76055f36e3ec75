"""One request's way: names to versions, contents to vectors, vectors to answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np

from graft.common.v1 import content_pb2, timing_pb2
from graft.errors import GraftError
from graft.names import parse_servable
from graft.predictor.v1 import predictor_service_pb2 as pb
from services.common.blocking import Bridge
from services.common.detector.detector import Detector
from services.common.heads.base import Floats
from services.common.heads.head import Head
from services.predictor import answers
from services.predictor.detecting import Lookout, Seeing
from services.predictor.embedding import Deadline, Embedded, Embedder
from services.predictor.head_cache import HeadCache, Loaded
from services.predictor.parts import Given, Kind, give, plain
from services.predictor.served import Name, Revision, Route, Servable
from services.predictor.source import Source
from services.predictor.stages import Stages

BACKBONES_AT_ONCE: Final = 2
"""Backbones that one request has at work, each with a copy of the items: while the device has one
call's items, the other's are decoded."""

T = TypeVar("T")

Vectors = dict[tuple[str, Kind, str], Floats]
"""Vectors `[items, dim]` by backbone, part of the items that it was given, and endpoint."""

_parse = lru_cache(maxsize=4096)(parse_servable)


@dataclass(frozen=True, slots=True)
class Asked:
    """A model as the caller wrote it, and the field of the request where it stands."""

    model: str
    field: str

    def name(self) -> Name:
        """Parse it; InvalidArgument naming the field."""
        try:
            return _parse(self.model)
        except GraftError as error:
            error.field = self.field
            raise


@dataclass(frozen=True, slots=True)
class Labelled:
    """What one version answered, one entry an item."""

    model_version: str
    predictions: list[pb.Prediction]


class Router:
    """Labels a batch with one model or many: each backbone runs once, however many heads share it.

    The heads are held from before the embedder is asked until they are applied: a version that
    cannot be loaded costs no device time, and one that is replaced meanwhile still answers.
    """

    def __init__(
        self, source: Source, heads: HeadCache, embedder: Embedder, threads: Bridge
    ) -> None:
        self._source = source
        self._heads = heads
        self._embedder = embedder
        self._threads = threads
        self._lookout = Lookout(embedder, threads)

    async def predict(
        self,
        models: Sequence[Asked],
        items: Sequence[content_pb2.Content],
        remaining_s: float | None,
    ) -> tuple[list[Labelled], list[timing_pb2.StageTiming]]:
        """Label `items` with each of `models`, all or nothing; answers come in their order."""
        deadline, stages = Deadline(remaining_s), Stages()
        servables = await self._resolve(models)
        distinct = list({servable.revision: servable for servable in servables}.values())
        with await self._heads.acquire(distinct) as heads:
            stages.end("resolve")
            answered = await self._answer(distinct, heads, items, deadline, stages)
        stages.end("head")
        labelled = [Labelled(one.text, answered[one.revision]) for one in servables]
        return labelled, stages.timings

    async def _answer(
        self,
        servables: Sequence[Servable],
        heads: Sequence[Loaded],
        items: Sequence[content_pb2.Content],
        deadline: Deadline,
        stages: Stages,
    ) -> dict[Revision, list[pb.Prediction]]:
        """What each version answers: classifiers by vectors, detectors by maps."""
        heads_of: list[tuple[Servable, Head]] = []
        detectors: list[Seeing] = []
        for servable, head in zip(servables, heads, strict=True):
            if isinstance(head, Detector):
                detectors.append(Seeing(servable, head))
            else:
                heads_of.append((servable, head))
        answered: dict[Revision, list[pb.Prediction]] = {}
        if heads_of:
            some = [servable for servable, _ in heads_of]
            vectors = await self._embed(some, items, deadline, stages)
            stages.end("embed")
            answered |= await self._apply(some, [head for _, head in heads_of], items, vectors)
        if detectors:
            found, timings = await self._lookout.detect(detectors, items, deadline)
            stages.add_embedder(timings)
            stages.end("embed")
            answered |= found
        return answered

    async def _resolve(self, models: Sequence[Asked]) -> list[Servable]:
        """What each name means; only names that memory cannot tell are waited for, together."""
        names = [asked.name() for asked in models]
        found = {name: self._source.known(name) for name in names}
        missing = [name for name, servable in found.items() if servable is None]
        if not missing:
            return [servable for name in names if (servable := found[name])]
        fresh = await _all([self._source.resolve(name) for name in missing])
        told = {**found, **dict(zip(missing, fresh, strict=True))}
        return [servable for name in names if (servable := told[name])]

    async def _embed(
        self,
        servables: Sequence[Servable],
        items: Sequence[content_pb2.Content],
        deadline: Deadline,
        stages: Stages,
    ) -> Vectors:
        """One call for each backbone and part of the items that it is given, a few at once."""
        wanted: dict[tuple[str, Kind], dict[str, int]] = {}
        for leg in (leg for servable in servables for leg in servable.route.legs):
            kind = plain(items, leg.kind)
            endpoints = wanted.setdefault((leg.backbone, kind), {})
            endpoints |= zip(leg.endpoints, leg.dims, strict=True)
        given = {kind: give(items, kind) for _, kind in wanted}
        turns = asyncio.Semaphore(BACKBONES_AT_ONCE)
        calls = [
            self._embed_part(given[kind], backbone, names, deadline, turns)
            for (backbone, kind), names in wanted.items()
        ]
        embedded: list[Embedded] = await _all(calls)
        stages.add_embedder([one.timings for one in embedded])
        return {
            (backbone, kind, endpoint): vectors
            for (backbone, kind), one in zip(wanted, embedded, strict=True)
            for endpoint, vectors in one.vectors.items()
        }

    async def _embed_part(
        self,
        given: Given,
        backbone: str,
        dims: Mapping[str, int],
        deadline: Deadline,
        turns: asyncio.Semaphore,
    ) -> Embedded:
        """The vectors of all items at endpoints of these lengths: zeros of those that lack the
        part."""
        if not given.positions:
            nothing = {name: np.zeros((given.count, dim), np.float32) for name, dim in dims.items()}
            return Embedded(nothing, ())
        try:
            async with turns:
                found = await self._embedder.embed(
                    given.contents, backbone=backbone, endpoints=list(dims), deadline=deadline
                )
        except GraftError as error:
            raise given.named(error) from error
        spread = {name: given.spread(vectors) for name, vectors in found.vectors.items()}
        return Embedded(spread, found.timings)

    async def _apply(
        self,
        servables: Sequence[Servable],
        heads: Sequence[Head],
        items: Sequence[content_pb2.Content],
        vectors: Vectors,
    ) -> dict[Revision, list[pb.Prediction]]:
        """Apply each head to its vectors: on the event loop when tiny, in a thread otherwise."""
        jobs = [
            (one.revision, head, _joined(one.route, items, vectors))
            for one, head in zip(servables, heads, strict=True)
        ]
        if sum(answers.cost(head, len(x)) for _, head, x in jobs) <= answers.INLINE_COST:
            return _predict_all(jobs)
        return await self._threads.run(_predict_all, jobs)


def _joined(route: Route, items: Sequence[content_pb2.Content], vectors: Vectors) -> Floats:
    """The vectors `[items, dim]` of a route's endpoints, one behind the other."""
    parts = [
        vectors[leg.backbone, plain(items, leg.kind), name]
        for leg in route.legs
        for name in leg.endpoints
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _predict_all(
    jobs: Sequence[tuple[Revision, Head, Floats]],
) -> dict[Revision, list[pb.Prediction]]:
    return {revision: answers.predict(head, x) for revision, head, x in jobs}


async def _all(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all; the first failure ends the others and is raised."""
    if len(calls) == 1:
        return [await calls[0]]
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
