"""What a job has in the store of the version that it made, or was making."""

from __future__ import annotations

from graft.errors import NotFound
from graft.model.v1 import model_pb2
from graft.names import LIVE, AliasName, ModelName, VersionName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import artifacts
from services.common.store import Store


def find_published(store: Store, job: pb.TrainingJob) -> model_pb2.ModelVersion | None:
    """The manifest that this job wrote in an attempt before, if it came that far."""
    claimed = artifacts.find_claim(store, ModelName.parse(job.spec.model), job.name)
    try:
        return artifacts.read_manifest(store, claimed) if claimed else None
    except NotFound:
        return None


def go_live(store: Store, manifest: model_pb2.ModelVersion) -> None:
    """Point the alias `live` at a published version; repeating it is harmless."""
    version = VersionName.parse(manifest.name)
    artifacts.set_alias(store, AliasName(version.model, LIVE), version.version)


def result_of(manifest: model_pb2.ModelVersion) -> pb.TrainingResult:
    """What a job with this manifest came to; timings and counts are not known from it."""
    result = pb.TrainingResult(model_version=manifest.name, version=manifest.version)
    if manifest.HasField("accuracy"):
        result.accuracy.CopyFrom(manifest.accuracy)
    if manifest.HasField("map50"):
        result.map50.CopyFrom(manifest.map50)
    return result


def settle(store: Store, job: pb.TrainingJob) -> pb.TrainingResult | None:
    """Leave nothing half done of a job whose worker is gone and that shall not go on.

    A version whose manifest was written goes live and its result is answered; anything less is
    removed.
    """
    manifest = find_published(store, job)
    if manifest is not None:
        go_live(store, manifest)
        return result_of(manifest)
    claimed = artifacts.find_claim(store, ModelName.parse(job.spec.model), job.name)
    if claimed is not None:
        artifacts.discard_claim(store, claimed)
    return None
