"""A training job from its data set to a published model version.

A job is a function of the store and its spec: run again after a crash it finds the vectors that
were embedded and the version that it had begun, and comes to the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.names import BackboneName, DatasetName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import Store
from services.trainer import backbone_choice, publication, published, tuned_search
from services.trainer.assessment import Assessed, Subject, assess
from services.trainer.data.rows import IMAGE
from services.trainer.embeddings import (
    Embedded,
    EmbedderClient,
    Embeddings,
    Halves,
    Source,
    caches,
)
from services.trainer.fitters.base import Indices
from services.trainer.material import Material, gather
from services.trainer.phases import Phases, Report
from services.trainer.report.pictured import pictured
from services.trainer.search.bank import Bank
from services.trainer.search.rounds import MIN_TO_COMPARE
from services.trainer.search.run import SearchResult, SearchSettings, search
from services.trainer.search.select import Scores
from services.trainer.search.tuning_budget import SHARE as TUNING_SHARE
from services.trainer.tail_tuning import Means
from services.trainer.tuned_search import TunedSearch

DEFAULT_BUDGET_S: Final = {backbone_pb2.MODALITY_IMAGE: 60.0, backbone_pb2.MODALITY_TEXT: 120.0}
"""Of a job that names no budget; for texts tuning is usual, and counted in."""
COMPARING_SHARE: Final = 0.5
"""Of the budget, for embedding with further backbones where several may be taken."""
SEARCH_SHARE: Final = 0.8
"""Of what is left after embedding; the rest is for the report."""
VIEWS: Final = ("flip",)
MAX_FOR_VIEWS: Final = (24, 2_000)
"""Views are embedded for a median class and a data set of at most so many examples: more of them
show the variety themselves."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a job works with. `report` takes progress and raises Cancelled to stop the job;
    `commit` returns when the job may publish, or raises Cancelled; `enough` says that the job shall
    end with the best that it has. `cache`: a folder for copies of backbones; `threads`: for tuning
    them.
    """

    store: Store
    embedder: EmbedderClient
    report: Report
    commit: Callable[[], None]
    cache: Path
    threads: int
    enough: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Seen:
    """The examples as the backbone that is taken sees them."""

    backbone: backbone_pb2.Backbone
    bank: Bank
    reason: str
    cached_count: int
    embedded_count: int


class Job:
    """One run of a job: owns its clock."""

    def __init__(self, tools: Tools, spec: pb.TrainingSpec) -> None:
        self.tools = tools
        self.spec = spec
        self._began = time.monotonic()
        stated = spec.HasField("budget")
        self.budget_s = spec.budget.ToNanoseconds() / 1e9 if stated else 0.0

    def learn(self, modality: backbone_pb2.Modality) -> None:
        """What the examples are decides on the budget of a job that names none."""
        self.budget_s = self.budget_s or DEFAULT_BUDGET_S[modality]

    def left_s(self) -> float:
        """Seconds left of the budget; 0 when it is enough."""
        end = self._began + self.budget_s
        return 0.0 if self.tools.enough() else max(0.0, end - time.monotonic())


def train(tools: Tools, job: pb.TrainingJob) -> pb.TrainingResult:
    """Run a job to its result; raises what a person should read about why it failed."""
    finished = published.find_published(tools.store, job)
    if finished is not None:
        published.go_live(tools.store, finished)
        return published.result_of(finished)
    run, phases = Job(tools, job.spec), Phases(tools.report)
    with phases.phase("snapshot"):
        material = gather(tools.store, job.spec)
        run.learn(material.modality)
    with phases.phase("embed", "examples") as tell:
        seen = _see(run, material, tell)
    with phases.phase("search", "fits") as tell:
        # A cancellation comes as an exception out of `tell`, which is called between fits.
        settings = SearchSettings(seed=job.spec.seed, budget_s=SEARCH_SHARE * run.left_s())
        found = search(seen.bank, settings, progress=tell, enough=tools.enough)
    tunes = job.spec.HasField("budget") or material.modality == backbone_pb2.MODALITY_TEXT
    with phases.phase("tune") if tunes else nullcontext(lambda done, total: None) as tell:
        tuned = _tune(run, material, seen, found, lambda: tell(0, 0))
    with phases.phase("evaluate") as tell:
        assessed = _assess(run, material, seen, tuned, lambda: tell(0, 0))
        glimpses = material.glimpses(pictured(assessed.evaluation))
    with phases.phase("publish"):
        tools.commit()
        outcome = publication.Outcome(
            job, material, seen.backbone, assessed.found, assessed.evaluation, glimpses, tuned.tail
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
    backbone = tools.embedder.backbone(
        f"{finished.features.backbone}@{finished.features.backbone_digest}"
    )
    if backbone.trunk:  # nothing is cached of a tail: the examples were embedded with its trunk
        backbone = tools.embedder.backbone(backbone.trunk)
    for table in caches(tools.store, project, Source.of(backbone)):
        table.compact()


def _see(run: Job, material: Material, tell: Tell) -> Seen:
    """Embed the examples with the backbone that the spec names, or with the best of all."""
    asked = backbone_choice.named(run.spec.backbone)
    if asked is not None:
        backbone = run.tools.embedder.backbone(str(asked))
        backbone_choice.check_modality(backbone, material.modality)
        _check_whole(backbone)
        return _look(run, material, backbone, "it was asked for", tell)
    offered = backbone_choice.offered(run.tools.embedder, material.modality)
    usable = backbone_choice.usable(offered, material.modality)
    if len(usable) == 1:
        return _look(run, material, usable[0], "it is the only one in the catalogue", tell)
    verdict = _compare(run, material, usable, tell)
    backbone = next(one for one in usable if one.name == verdict.name)
    return _look(run, material, backbone, verdict.reason, tell)


def _check_whole(backbone: backbone_pb2.Backbone) -> None:
    if backbone.trunk:
        trunk = BackboneName.parse(backbone.trunk).backbone
        raise FailedPrecondition(
            f"a backbone that was tuned for a model goes when the model goes; name {trunk}, which"
            f" it was made of. Received: {backbone.name}",
            reason="BACKBONE_UNUSABLE",
            metadata={"missing": "trunk"},
        )


def _compare(
    run: Job, material: Material, usable: list[backbone_pb2.Backbone], tell: Tell
) -> backbone_choice.Verdict:
    """Ask each backbone about the same examples while there is time; the first always is."""
    rows = backbone_choice.sample(material.truth, run.spec.seed)
    reserve_s = (1 - COMPARING_SHARE) * run.budget_s
    scores: dict[str, Scores | None] = {}
    left_out, slowest_s = list[str](), 0.0
    for backbone in usable:
        if scores and run.left_s() - slowest_s < reserve_s:
            left_out.append(backbone.name)
            continue
        began = time.monotonic()
        vectors = _embed(run, Source.of(backbone), material, rows, tell).vectors
        bank = material.bank(vectors, {}, rows)
        scores[backbone.name] = backbone_choice.measure(bank, run.spec.seed)
        slowest_s = max(slowest_s, time.monotonic() - began)
    dims = {one.name: max(int(each.dim) for each in one.endpoints) for one in usable}
    return backbone_choice.choose(scores, dims, left_out)


def _look(
    run: Job, material: Material, backbone: backbone_pb2.Backbone, reason: str, tell: Tell
) -> Seen:
    everyone = np.arange(len(material.rows))
    source = Source.of(backbone)
    embedded = _embed(run, source, material, everyone, tell)
    views: dict[str, Mapping[str, Halves]] = {}
    if _views_pay(material) and run.left_s() > 0:
        for view in VIEWS:
            seen = Source(backbone, source.endpoints, view)
            views[view] = _embed(run, seen, material, everyone, tell).vectors
    bank = material.bank(embedded.vectors, views, everyone)
    return Seen(backbone, bank, reason, embedded.cached_count, embedded.embedded_count)


def _views_pay(material: Material) -> bool:
    if material.modality != backbone_pb2.MODALITY_IMAGE:
        return False
    median = float(np.median([len(some) for some in material.members]))
    most_of_class, most = MAX_FOR_VIEWS
    return MIN_TO_COMPARE <= median <= most_of_class and len(material.rows) <= most


def _embed(run: Job, source: Source, material: Material, rows: Indices, tell: Tell) -> Embedded:
    """The vectors of those examples' part that the backbone reads."""
    tables = caches(run.tools.store, material.snapshot.name.project, source)
    part = backbone_choice.kind_of(source.backbone.modality)
    return Embeddings(tables, run.tools.embedder, source).vectors(
        [material.rows[row].parts[part].key for row in rows],
        [material.rows[row].path for row in rows],
        lambda positions: material.contents(part, [int(rows[position]) for position in positions]),
        progress=tell,
    )


def _tune(
    run: Job, material: Material, seen: Seen, found: SearchResult, tick: Callable[[], None]
) -> TunedSearch:
    """The search's result with a tuned tail, where one was allowed, and earned its place."""
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
    assessed.evaluation.decisions.add(
        subject="backbone",
        choice=seen.backbone.name.removeprefix("backbones/"),
        reason=seen.reason,
    )
    assessed.evaluation.decisions.append(tuned.decision)
    return assessed
