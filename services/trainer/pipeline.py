"""A training job from its data set to a published model version.

A job is a function of the store and its spec: run again after a crash it finds the vectors that
were embedded and the version that it had begun, and comes to the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Final

from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2
from graft.names import DatasetName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.artifacts import parts_of
from services.trainer import backbone_choice, publication, published, tuned_search
from services.trainer.assessment import Assessed, Subject, assess
from services.trainer.data.rows import IMAGE
from services.trainer.detection import job as detecting
from services.trainer.material import Material, gather
from services.trainer.phases import Phases
from services.trainer.report.pictured import pictured
from services.trainer.running import DEFAULT_BUDGET_S, Job, Tools
from services.trainer.search.run import SearchResult, SearchSettings, search
from services.trainer.search.tuning_budget import SHARE as TUNING_SHARE
from services.trainer.seeing import Seen, see
from services.trainer.source import Source, caches
from services.trainer.tail_tuning import Means
from services.trainer.tuned_search import TunedSearch

NOT_TUNED: Final = (
    "not tried: layers are tuned where the examples are all images or all texts, which one backbone"
    " reads"
)
LEFT_OUT: Final = (
    "heat maps and shortcuts are told only where the examples are images alone; here what an answer"
    " owes to the image and what to the words is not told apart"
)
SEARCH_SHARE: Final = 0.8
"""Of what is left after embedding; the rest is for the report."""


def train(tools: Tools, job: pb.TrainingJob) -> pb.TrainingResult:
    """Run a job to its result; raises what a person should read about why it failed."""
    finished = published.find_published(tools.store, job)
    if finished is not None:
        published.go_live(tools.store, finished)
        return published.result_of(finished)
    run, phases = Job(tools, job.spec), Phases(tools.report)
    with phases.phase("snapshot"):
        material = gather(tools.store, job.spec)
        run.learn(
            detecting.DEFAULT_BUDGET_S if material.boxed else DEFAULT_BUDGET_S[material.modality]
        )
    if material.boxed:
        return detecting.run_job(run, job, material, phases)
    with phases.phase("embed", "examples") as tell:
        seen = see(run, material, tell)
    with phases.phase("search", "fits") as tell:
        # A cancellation comes as an exception out of `tell`, which is called between fits.
        settings = SearchSettings(seed=job.spec.seed, budget_s=SEARCH_SHARE * run.left_s())
        found = search(seen.bank, settings, progress=tell, enough=tools.enough)
    stated = job.spec.HasField("budget")
    tunes = not material.joint and (stated or material.modality == backbone_pb2.MODALITY_TEXT)
    with phases.phase("tune") if tunes else nullcontext(lambda done, total: None) as tell:
        tuned = _tune(run, material, seen, found, lambda: tell(0, 0))
    with phases.phase("evaluate") as tell:
        assessed = _assess(run, material, seen, tuned, lambda: tell(0, 0))
        glimpses = material.glimpses(pictured(assessed.evaluation))
    with phases.phase("publish"):
        tools.commit()
        outcome = publication.Outcome(
            job, material, seen.backbones, assessed.found, assessed.evaluation, glimpses, tuned.tail
        )
        manifest = publication.publish(tools.store, outcome)
    result = published.result_of(manifest)
    result.phases.extend(phases.timings())
    result.embedded_count = seen.embedded_count
    result.cached_count = seen.cached_count
    return result


def tidy(tools: Tools, job: pb.TrainingJob) -> None:
    """What can wait until the job has been answered: merge the pieces of the cache."""
    finished = published.find_published(tools.store, job)
    if finished is None:
        return
    project = DatasetName.parse(job.spec.dataset).project
    for features in parts_of(finished):
        backbone = tools.embedder.backbone(f"{features.backbone}@{features.backbone_digest}")
        if backbone.trunk:  # nothing is cached of a tail: the examples were embedded with its trunk
            backbone = tools.embedder.backbone(backbone.trunk)
        source = Source.of(backbone)
        if features.input_size:
            source = Source(backbone, tuple(features.endpoints), side=int(features.input_size[0]))
        for table in caches(tools.store, project, source):
            table.compact()


def _tune(
    run: Job, material: Material, seen: Seen, found: SearchResult, tick: Callable[[], None]
) -> TunedSearch:
    """The search's result with a tuned tail, where one was allowed, and earned its place."""
    if material.joint:
        decision = evaluation_pb2.Decision(subject="tuning", choice="none", reason=NOT_TUNED)
        return TunedSearch(found, decision)
    end = time.monotonic() + TUNING_SHARE * run.left_s()
    part = backbone_choice.kind_of(seen.backbone.modality)
    means = Means(
        store=run.tools.store,
        cache=run.tools.cache,
        ask=run.tools.embedder.ask,
        contents=lambda rows: material.contents(part, [int(found.kept[row]) for row in rows]),
        threads=run.tools.threads,
        seconds_left=lambda: min(run.left_s(), end - time.monotonic()),
        tick=tick,
        stated=run.spec.HasField("budget"),
        spent_s=run.budget_s - run.left_s(),
    )
    return tuned_search.tune(means, seen.backbone, seen.bank, found, run.spec.seed)


def _assess(
    run: Job, material: Material, seen: Seen, tuned: TunedSearch, tick: Callable[[], None]
) -> Assessed:
    """The heat maps of a tuned tail are left out: the embedder has it once it is published."""
    images = material.modality == backbone_pb2.MODALITY_IMAGE
    subject = Subject(
        found=tuned.found,
        bank=seen.bank,
        alike=material.alike,
        backbone=seen.backbone,
        sources=material.sources(),
        data=material.summary(),
        seed=run.spec.seed,
        left_s=run.left_s,
        tick=tick,
        sketches=(lambda: material.sketches) if images else None,
        ask=run.tools.embedder.ask if images and tuned.tail is None else None,
        contents=lambda rows: material.contents(IMAGE, rows),
        unknown=tuned.tail.unknown if tuned.tail is not None else None,
    )
    assessed = assess(subject)
    for taken in seen.taken:
        assessed.evaluation.decisions.add(
            subject=f"backbone of the {taken.part}s" if material.joint else "backbone",
            choice=taken.backbone.name.removeprefix("backbones/"),
            reason=taken.reason,
        )
    if material.joint:
        _tell_of_parts(assessed.evaluation, seen)
    assessed.evaluation.decisions.append(tuned.decision)
    return assessed


def _tell_of_parts(evaluation: evaluation_pb2.Evaluation, seen: Seen) -> None:
    """What either part knows alone, and what the report leaves out where there are two."""
    told = " and ".join(
        f"on {100 * share:.0f}% by the {part}s alone" for part, share in seen.alone.items()
    )
    if told and evaluation.HasField("accuracy"):
        both = f"{100 * evaluation.accuracy.estimate:.0f}%"
        evaluation.decisions.add(
            subject="parts",
            choice="images with texts",
            reason=f"Held-out examples are answered right on {both} by both; {told}, where a quick"
            " head is asked about those that have the part.",
        )
    evaluation.decisions.add(subject="report", choice="in part", reason=LEFT_OUT)
