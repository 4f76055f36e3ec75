"""How the examples of a job look to the backbones that are taken: one, or one for each part."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.names import BackboneName
from services.trainer import backbone_choice, label_names
from services.trainer.embeddings import Embedded, Embeddings, Halves
from services.trainer.fitters.base import Indices
from services.trainer.material import Material
from services.trainer.running import Job
from services.trainer.search.bank import Bank
from services.trainer.search.examples import MIN_CLASSES
from services.trainer.search.rounds import MIN_TO_COMPARE
from services.trainer.search.select import Scores
from services.trainer.source import Source, caches

COMPARING_SHARE: Final = 0.5
"""Of the budget, for embedding with further backbones where several may be taken."""
VIEWS: Final = ("flip",)
MAX_FOR_VIEWS: Final = (24, 2_000)
"""Views are embedded for a median class and a data set of at most so many examples: more of them
show the variety themselves."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Taken:
    """The backbone that is taken for a part of the examples, and why."""

    part: str
    backbone: backbone_pb2.Backbone
    reason: str


@dataclass(frozen=True)
class Seen:
    """The examples as the backbones that are taken see them; what is counted are their parts.
    `alone`: of two parts, on what share of examples that have it a quick head over one is right
    while they are held out, where that could be measured."""

    taken: tuple[Taken, ...]
    bank: Bank
    cached_count: int
    embedded_count: int
    alone: Mapping[str, float] = field(default_factory=dict)

    @property
    def backbones(self) -> dict[str, backbone_pb2.Backbone]:
        """The backbone of each part."""
        return {one.part: one.backbone for one in self.taken}

    @property
    def backbone(self) -> backbone_pb2.Backbone:
        """That of the only part, or of the images."""
        return self.taken[0].backbone


def see(run: Job, material: Material, tell: Tell) -> Seen:
    """Embed the examples, each part with the backbone that the spec names for it, or the best."""
    asked = _asked(run, material)
    if material.joint:
        return _look_at_both(run, material, asked, tell)
    return _look(run, material, _take(run, material, asked, tell), tell)


def _asked(run: Job, material: Material) -> backbone_pb2.Backbone | None:
    """The backbone that the spec names, if it names one; it reads some part of the examples."""
    name = backbone_choice.named(run.spec.backbone)
    if name is None:
        return None
    backbone = run.tools.embedder.backbone(str(name))
    if not material.joint:
        backbone_choice.check_modality(backbone, material.modality)
    check_whole(backbone)
    return backbone


def check_whole(backbone: backbone_pb2.Backbone) -> None:
    """Raise FailedPrecondition for a backbone that was tuned for one model."""
    if backbone.trunk:
        trunk = BackboneName.parse(backbone.trunk).backbone
        raise FailedPrecondition(
            f"a backbone that was tuned for a model goes when the model goes; name {trunk}, which"
            f" it was made of. Received: {backbone.name}",
            reason="BACKBONE_UNUSABLE",
            metadata={"missing": "trunk"},
        )


def _take(run: Job, material: Material, asked: backbone_pb2.Backbone | None, tell: Tell) -> Taken:
    """The backbone for examples of one part: that which was asked for, or the best of all."""
    (part,) = material.parts
    if asked is not None and asked.modality == material.modality:
        return Taken(part, asked, "it was asked for")
    offered = backbone_choice.offered(run.tools.embedder, material.modality)
    usable = backbone_choice.usable(offered, material.modality)
    if len(usable) == 1:
        return Taken(part, usable[0], "it is the only one in the catalogue")
    if len(material.labels) < MIN_CLASSES:
        return Taken(part, usable[0], f"too few examples have {part}s to compare backbones by")
    verdict = _compare(run, material, usable, tell)
    backbone = next(one for one in usable if one.name == verdict.name)
    return Taken(part, backbone, verdict.reason)


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


def _look(run: Job, material: Material, taken: Taken, tell: Tell) -> Seen:
    everyone = np.arange(len(material.rows))
    source = Source.of(taken.backbone)
    embedded = _embed(run, source, material, everyone, tell)
    views: dict[str, Mapping[str, Halves]] = {}
    if _views_pay(material) and run.left_s() > 0:
        for view in VIEWS:
            seen = Source(taken.backbone, source.endpoints, view)
            views[view] = _embed(run, seen, material, everyone, tell).vectors
    bank = material.bank(embedded.vectors, views, everyone)
    bank = replace(bank, names=_names(run, material, source, tell))
    return Seen((taken,), bank, embedded.cached_count, embedded.embedded_count)


def _look_at_both(
    run: Job, material: Material, asked: backbone_pb2.Backbone | None, tell: Tell
) -> Seen:
    """Each part by itself, those examples that have it."""
    taken: list[Taken] = []
    found: list[Embedded] = []
    alone: dict[str, float] = {}
    for part in material.parts:
        some = material.only(part)
        taken.append(_take(run, some, asked, tell))
        source = Source.of(taken[-1].backbone)
        found.append(_embed(run, source, some, np.arange(len(some.rows)), tell))
        scores = _measured(run, some, found[-1].vectors)
        alone |= {} if scores is None else {part: scores.accuracy}
    vectors = {one.part: seen.vectors for one, seen in zip(taken, found, strict=True)}
    cached = sum(one.cached_count for one in found)
    embedded = sum(one.embedded_count for one in found)
    return Seen(tuple(taken), material.joint_bank(vectors), cached, embedded, alone)


def _measured(run: Job, material: Material, vectors: Mapping[str, Halves]) -> Scores | None:
    """What a quick head over one part is worth; None where it cannot be told in the time left."""
    if len(material.labels) < MIN_CLASSES or run.left_s() <= 0:
        return None
    rows = backbone_choice.sample(material.truth, run.spec.seed)
    seen = {name: found[rows] for name, found in vectors.items()}
    return backbone_choice.measure(material.bank(seen, {}, rows), run.spec.seed)


def _names(run: Job, material: Material, source: Source, tell: Tell) -> dict[str, Halves]:
    """The vectors of the labels' names, where they may help and there is time."""
    text = source.backbone.modality == backbone_pb2.MODALITY_TEXT
    if not text or material.multi_label or run.left_s() <= 0:
        return {}
    median = float(np.median([len(some) for some in material.members]))
    spoken = label_names.texts(material.labels, median)
    if not spoken:
        return {}
    project, n = material.snapshot.name.project, len(material.rows)
    return label_names.embed(
        run.tools.store, project, run.tools.embedder, source, spoken, lambda *_: tell(n, n)
    )


def _views_pay(material: Material) -> bool:
    if material.modality != backbone_pb2.MODALITY_IMAGE:
        return False
    median = float(np.median([len(some) for some in material.members]))
    most_of_class, most = MAX_FOR_VIEWS
    return MIN_TO_COMPARE <= median <= most_of_class and len(material.rows) <= most


def _embed(run: Job, source: Source, material: Material, rows: Indices, tell: Tell) -> Embedded:
    """The vectors of the part that the backbone reads, of examples that have it."""
    tables = caches(run.tools.store, material.snapshot.name.project, source)
    part = backbone_choice.kind_of(source.backbone.modality)
    return Embeddings(tables, run.tools.embedder, source).vectors(
        [material.rows[row].parts[part].key for row in rows],
        [material.rows[row].path for row in rows],
        lambda positions: material.contents(part, [int(rows[position]) for position in positions]),
        progress=tell,
    )
