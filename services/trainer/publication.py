"""What a job came to, written as a model version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import graft
from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import ModelName, VersionName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import artifacts
from services.common.backbones import tuned
from services.common.store import Store
from services.trainer import tail_tuning
from services.trainer.glimpses import Glimpse
from services.trainer.material import Material
from services.trainer.published import go_live
from services.trainer.report.html import Origin, render
from services.trainer.search import part_cuts
from services.trainer.search.run import SearchResult


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a job came to before it was published; `glimpses` are by SHA-256. `backbones`: that
    of each part of the examples. `tail`: what of the only one was tuned; None where they are used
    as they are."""

    job: pb.TrainingJob
    material: Material
    backbones: Mapping[str, backbone_pb2.Backbone]
    found: SearchResult
    evaluation: evaluation_pb2.Evaluation
    glimpses: Mapping[str, Glimpse]
    tail: tail_tuning.TunedTail | None = None


def publish(store: Store, outcome: Outcome) -> model_pb2.ModelVersion:
    """Write the version of a job and make it live; answer its manifest. Can be repeated."""
    model = ModelName.parse(outcome.job.spec.model)
    version = artifacts.claim_version(store, model, outcome.job.name)
    outcome = _with_tail(store, version, outcome)
    draft = artifacts.Draft(_manifest(outcome), outcome.found.head, outcome.evaluation)
    return put(store, outcome.job, version, draft, outcome.glimpses)


def put(
    store: Store,
    job: pb.TrainingJob,
    version: VersionName,
    draft: artifacts.Draft,
    glimpses: Mapping[str, Glimpse],
) -> model_pb2.ModelVersion:
    """Write a claimed version with its page and make it live; answer its manifest."""
    draft.evaluation.model_version = str(version)
    page = render(draft.evaluation, _origin(job, draft.manifest), glimpses)
    manifest = artifacts.publish(store, version, draft, page.encode())
    go_live(store, manifest)
    return manifest


def _with_tail(store: Store, version: VersionName, outcome: Outcome) -> Outcome:
    """The outcome with the stored tail as its backbone. What an attempt before has stored goes: no
    manifest names it."""
    tuned.discard(store, version)
    if outcome.tail is None:
        return outcome
    ((part, trunk),) = outcome.backbones.items()
    stored = tail_tuning.store_tail(store, version, trunk, outcome.tail)
    return replace(outcome, backbones={part: stored})


def _manifest(outcome: Outcome) -> model_pb2.ModelVersion:
    spec, features = outcome.job.spec, _features(outcome)
    manifest = model_pb2.ModelVersion(
        task=_task(outcome.material),
        labels=outcome.material.labels,
        features=features[0],
        text_features=features[1] if len(features) > 1 else None,
        head=model_pb2.Head(parameters=outcome.found.parameters),
        dataset=spec.dataset,
        dataset_version=spec.dataset_version,
        training_job=outcome.job.name,
        seed=spec.seed,
        example_count=len(outcome.material.rows),
        suite_version=graft.__version__,
    )
    if outcome.evaluation.HasField("accuracy"):
        manifest.accuracy.CopyFrom(outcome.evaluation.accuracy)
    return manifest


def _features(outcome: Outcome) -> list[model_pb2.Features]:
    """What the head takes of each part, in their order."""
    blocks = outcome.found.head.blocks.blocks
    joint = len(outcome.backbones) > 1
    found = {
        part: model_pb2.Features(backbone=backbone.name, backbone_digest=backbone.digest)
        for part, backbone in outcome.backbones.items()
    }
    for name, block in zip(outcome.found.endpoints, blocks, strict=True):
        part, endpoint = part_cuts.split(name) if joint else (next(iter(found)), name)
        found[part].endpoints.append(endpoint)
        found[part].dims.append(block.dim)
    return list(found.values())


def _task(material: Material) -> model_pb2.Task:
    several = material.multi_label
    return model_pb2.TASK_MULTI_LABEL if several else model_pb2.TASK_CLASSIFICATION


def _origin(job: pb.TrainingJob, manifest: model_pb2.ModelVersion) -> Origin:
    features = artifacts.parts_of(manifest)
    return Origin(
        title=ModelName.parse(job.spec.model).model,
        backbone=" + ".join(one.backbone for one in features),
        backbone_digest=" + ".join(one.backbone_digest for one in features),
        seed=job.spec.seed,
        suite_version=graft.__version__,
        created=job.create_time.ToJsonString(),
    )
