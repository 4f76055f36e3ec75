"""A training job from its data set to a published model version.

A job is a function of the store and its spec: run again after a crash it finds the vectors that
were embedded and the version that it had begun, and comes to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.names import DatasetName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import Store
from services.trainer import backbone_choice, publication, published
from services.trainer.embeddings import Embedded, EmbedderClient, Embeddings, Source, cache
from services.trainer.evaluate.proto import evaluate_search
from services.trainer.material import Material, gather
from services.trainer.phases import Phases, Report
from services.trainer.search.run import SearchSettings, search


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job works with. `report` takes progress and raises Cancelled to stop the job;
    `commit` returns when the job may publish, or raises Cancelled.
    """

    store: Store
    embedder: EmbedderClient
    report: Report
    commit: Callable[[], None]


def train(tools: Tools, job: pb.TrainingJob) -> pb.TrainingResult:
    """Run a job to its result; raises what a person should read about why it failed."""
    finished = published.find_published(tools.store, job)
    if finished is not None:
        published.go_live(tools.store, finished)
        return published.result_of(finished)
    phases = Phases(tools.report)
    with phases.phase("snapshot"):
        material = gather(tools.store, job.spec)
    with phases.phase("embed", "examples") as tell:
        source = _source(tools, job.spec)
        embedded = _embed(tools, source, material, tell)
    with phases.phase("search", "fits") as tell:
        # A cancellation comes as an exception out of `tell`, which is called between fits.
        examples = material.examples(embedded.vectors)
        found = search(examples, _settings(job.spec), progress=tell)
    with phases.phase("evaluate"):
        evaluation = evaluate_search(found, examples, material.sources(), material.summary())
        pictures = material.pictures(evaluation.mistakes)
    with phases.phase("publish"):
        tools.commit()
        outcome = publication.Outcome(job, material, source, found, evaluation, pictures)
        manifest = publication.publish(tools.store, outcome)
    return _result(published.result_of(manifest), phases, embedded)


def _result(result: pb.TrainingResult, phases: Phases, embedded: Embedded) -> pb.TrainingResult:
    result.phases.extend(phases.timings())
    result.embedded_count = embedded.embedded_count
    result.cached_count = embedded.cached_count
    return result


def tidy(tools: Tools, job: pb.TrainingJob) -> None:
    """What can wait until the job has been answered: merge the pieces of the cache."""
    project = DatasetName.parse(job.spec.dataset).project
    cache(tools.store, project, _source(tools, job.spec)).compact()


def _source(tools: Tools, spec: pb.TrainingSpec) -> Source:
    backbone = tools.embedder.backbone(str(backbone_choice.choose(spec.backbone)))
    if backbone.modality != backbone_pb2.MODALITY_IMAGE:
        raise FailedPrecondition(
            "the data set holds images; name an image backbone. Received:"
            f" {backbone.name}, {backbone_pb2.Modality.Name(backbone.modality)}",
            reason="MODALITY_MISMATCH",
            metadata={"backbone": backbone.name},
        )
    return Source(backbone)


def _embed(
    tools: Tools, source: Source, material: Material, tell: Callable[[int, int], None]
) -> Embedded:
    table = cache(tools.store, material.snapshot.name.project, source)
    embeddings = Embeddings(table, tools.embedder, source)
    return embeddings.vectors(material.keys, material.paths, material.contents, progress=tell)


def _settings(spec: pb.TrainingSpec) -> SearchSettings:
    if not spec.HasField("budget"):
        return SearchSettings(seed=spec.seed)
    return SearchSettings(seed=spec.seed, max_seconds=spec.budget.ToNanoseconds() / 1e9)
