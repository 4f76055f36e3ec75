"""The estimate of a job: looks up what is there, then asks `estimate`."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import grpc
import numpy as np

from graft.embedder.v1 import backbone_pb2, embedder_service_pb2, embedder_service_pb2_grpc
from graft.names import DatasetName
from graft.status import from_rpc_error
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import telemetry
from services.common.blocking import Bridge
from services.common.store import Store
from services.trainer import backbone_choice, estimate
from services.trainer.data.catalogue import Catalogue, Snapshot
from services.trainer.data.rows import MODALITIES
from services.trainer.data.summary import warnings_of
from services.trainer.jobs.book import JobBook
from services.trainer.source import Source, caches

PAST_JOBS: Final = 20
"""So many of the newest jobs that succeeded are gone by."""
CALL_TIMEOUT_S: Final = 10.0


class Estimator:
    """Owns nothing; reads the data set, the cache and the history."""

    def __init__(
        self,
        *,
        store: Store,
        book: JobBook,
        bridge: Bridge,
        channel: grpc.aio.Channel,
        embedder: str,
    ) -> None:
        self._store = store
        self._book = book
        self._bridge = bridge
        self._stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
        self._embedder = embedder

    async def estimate(self, spec: pb.TrainingSpec) -> pb.TrainingEstimate:
        """What a job with this spec, its version settled, would cost.

        Raises NotFound, and what the embedder says of the backbone.
        """
        name = DatasetName.parse(spec.dataset)
        snapshot = await self._bridge.run(
            Catalogue(self._store).snapshot, name, spec.dataset_version
        )
        modality = MODALITIES[snapshot.sorting.modality] or backbone_pb2.MODALITY_IMAGE
        backbones = await self._backbones(spec, modality)
        uncached = [
            await self._bridge.run(self._uncached, snapshot, Source.of(backbone))
            for backbone in backbones
        ]
        names = " + ".join(backbone.name for backbone in backbones)
        return self._answer(snapshot, sum(uncached), names)

    async def _backbones(
        self, spec: pb.TrainingSpec, modality: backbone_pb2.Modality
    ) -> list[backbone_pb2.Backbone]:
        """The backbone for the examples, or one for their images and one for their texts."""
        name = backbone_choice.named(spec.backbone)
        asked = await self._backbone(str(name)) if name else None
        if modality != backbone_pb2.MODALITY_IMAGE_AND_TEXT:
            if asked is not None:
                backbone_choice.check_modality(asked, modality)
            return [asked or await self._backbone(str(backbone_choice.BUNDLED[modality]))]
        return [
            asked
            if asked is not None and asked.modality == part
            else await self._backbone(str(bundled))
            for part, bundled in backbone_choice.BUNDLED.items()
        ]

    def _answer(self, snapshot: Snapshot, uncached: int, backbone: str) -> pb.TrainingEstimate:
        count = len(snapshot.sorting.used)
        project = snapshot.name.project
        boxed = snapshot.sorting.boxed
        done = [job.result for job in self._book.jobs(project) if job.result.phases]
        past = [one for one in done if one.HasField("map50") == boxed][:PAST_JOBS]
        if boxed:
            seconds = estimate.detection_duration(count, past)
        else:
            seconds = estimate.duration(count, uncached, past)
        return pb.TrainingEstimate(
            example_count=count,
            uncached_count=uncached,
            backbone=backbone,
            duration_low=timedelta(seconds=seconds.low),
            duration_high=timedelta(seconds=seconds.high),
            warnings=warnings_of(snapshot.rows, snapshot.sorting),
        )

    async def _backbone(self, name: str) -> backbone_pb2.Backbone:
        request = embedder_service_pb2.GetBackboneRequest(name=name)
        metadata = telemetry.outgoing_metadata()
        try:
            answer = await self._stub.GetBackbone(
                request, timeout=CALL_TIMEOUT_S, metadata=metadata
            )
        except grpc.RpcError as error:
            raise from_rpc_error(error, target=self._embedder) from error
        found: backbone_pb2.Backbone = answer.backbone
        return found

    def _uncached(self, snapshot: Snapshot, source: Source) -> int:
        part = backbone_choice.kind_of(source.backbone.modality)
        used = [snapshot.rows[number].parts for number in snapshot.sorting.used]
        keys = [parts[part].key for parts in used if part in parts]
        tables = caches(self._store, snapshot.name.project, source)
        found = np.logical_and.reduce([table.read(keys)[0] for table in tables])
        return len(keys) - int(found.sum())
