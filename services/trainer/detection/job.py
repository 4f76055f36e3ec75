"""A training job of a detector, from its material to the draft of a model version."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Any, Final

import graft
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import ModelName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import artifacts
from services.trainer import backbone_choice, publication, published
from services.trainer.data.rows import IMAGE
from services.trainer.detection import outlook
from services.trainer.detection.evaluation import evaluate
from services.trainer.detection.lesson import see
from services.trainer.detection.memory import affordable
from services.trainer.detection.plan import Plan, make_plans, maps_of
from services.trainer.detection.sight import Pictures, Sight
from services.trainer.detection.training import FOLDS, Fit, Lesson, Trained, train
from services.trainer.glimpses import Glimpse
from services.trainer.material import Material
from services.trainer.phases import Phases
from services.trainer.report.pictured import pictured
from services.trainer.running import Job
from services.trainer.seeing import check_whole

if TYPE_CHECKING:
    from services.trainer.fitters.detector import Fitted

DEFAULT_BUDGET_S: Final = 120.0
"""Of a job that names no budget."""

TRAINING_SHARE: Final = 0.7
"""Of what is left of the budget after embedding, for the networks; the rest is for the report."""

OPEN_SIZE: Final = "open input size"
"""What the embedder says of a backbone that takes pictures of one size alone."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Looked:
    """The pictures as the backbone sees them."""

    backbone: backbone_pb2.Backbone
    reason: str
    lesson: Lesson
    sight: Sight


def run_job(run: Job, job: pb.TrainingJob, material: Material, phases: Phases) -> pb.TrainingResult:
    """The job of a detector, once its material is gathered."""
    with phases.phase("embed", "views") as tell:
        looked = look(run, material, *_backbone(run), tell)
    with phases.phase("search", "networks") as tell:
        teacher = Teacher(run)
        fit = teacher.fit(lambda: tell(teacher.done, FOLDS))
        stages, spec = teacher.stages, run.spec
        trained = train(looked.lesson, fit, stages, spec.seed, spec.precision)
    with phases.phase("evaluate") as tell:
        evaluation = report(run, material, looked, trained, teacher, lambda: tell(0, 0))
        glimpses = material.glimpses(pictured(evaluation))
    with phases.phase("publish"):
        run.tools.commit()
        manifest = publish(run, job, material, looked, trained, evaluation, glimpses)
    result = published.result_of(manifest)
    result.phases.extend(phases.timings())
    result.embedded_count = looked.sight.embedded_count
    result.cached_count = looked.sight.cached_count
    return result


def _backbone(run: Job) -> tuple[backbone_pb2.Backbone, str]:
    asked = backbone_choice.named(run.spec.backbone)
    if asked is None:
        images = backbone_pb2.MODALITY_IMAGE
        offered = backbone_choice.offered(run.tools.embedder, images)
        return choose(backbone_choice.usable(offered, images))
    backbone = run.tools.embedder.backbone(str(asked))
    backbone_choice.check_modality(backbone, backbone_pb2.MODALITY_IMAGE)
    check_whole(backbone)
    return backbone, "it was asked for"


def choose(usable: list[backbone_pb2.Backbone]) -> tuple[backbone_pb2.Backbone, str]:
    """The backbone to take of those in the catalogue: training one detector a backbone would take
    too long, so the one with the most channels is taken of those that have maps to detect on."""
    mapped = [one for one in usable if any(len(end.shape) == 3 for end in one.endpoints)]
    best = max(mapped or usable, key=lambda one: max(end.dim for end in one.endpoints))
    if len(usable) == 1:
        return best, "it is the only one in the catalogue"
    text = "of the backbones with feature maps it has the longest vectors; they were not compared"
    return best, text


def look(
    run: Job,
    material: Material,
    backbone: backbone_pb2.Backbone,
    reason: str,
    tell: Tell,
) -> Looked:
    """Embed the pictures and views of them."""
    maps_of(backbone)  # refused before anything is read
    pictures = Pictures(
        material.keys,
        material.paths,
        [row.size for row in material.rows],
        lambda some: material.contents(IMAGE, some),
    )

    def seen(plans: list[Plan]) -> Looked:
        plan, views = affordable(plans, pictures.sizes, len(material.labels))
        lesson, sight = see(
            run.tools.store,
            run.tools.embedder,
            material.snapshot.name.project,
            backbone,
            pictures,
            material.things,
            material.labels,
            material.groups,
            seed=run.spec.seed,
            tell=tell,
            plan=plan,
            views=views,
        )
        return Looked(backbone, reason, lesson, sight)

    try:
        return seen(make_plans(backbone, pictures.sizes, material.things))
    except FailedPrecondition as error:
        if error.metadata.get("missing") != OPEN_SIZE:
            raise
        return seen(make_plans(backbone, pictures.sizes, material.things, side_alone=True))


class Teacher:
    """Trains the networks of one job; owns the clock that says how many steps each may take, and
    knows what those took that are done. `stages`: the shares of the steps at which a network is
    kept."""

    def __init__(self, run: Job) -> None:
        # Imported here: it takes seconds, and needs TensorFlow.
        from services.trainer.fitters.detector import Recipe, fit_network
        from services.trainer.fitters.tail import set_up

        set_up(run.tools.threads)
        self._fit_network, self._recipe, self._run = fit_network, Recipe(), run
        self._end = time.monotonic() + TRAINING_SHARE * run.left_s()
        self._took: list[Fitted] = []
        self.stages = self._recipe.kept_at

    @property
    def done(self) -> int:
        """Networks of the detector that are trained."""
        return len(self._took)

    @property
    def usual_s(self) -> float:
        """The seconds that one of them took."""
        return mean(one.seconds for one in self._took)

    def fit(self, tick: Callable[[], None]) -> Fit:
        """What trains a network of the detector; `tick` is called between steps, and may raise to
        stop."""

        def fit(maps: Any, targets: Any, rows: Any, number: int) -> Any:
            end = time.monotonic() + (self._end - time.monotonic()) / max(1, FOLDS - self.done)

            def left_s() -> float:
                return min(end - time.monotonic(), self._run.left_s())

            recipe = self._recipe
            found = self._fit_network(
                maps, targets, rows, recipe, seed=number, left_s=left_s, tick=tick
            )
            self._took.append(found)
            return found.networks

        return fit

    def again(self, tick: Callable[[], None]) -> Fit:
        """What trains a network to compare with those of the detector: for as many steps, unless
        the time of the job is over."""
        recipe = replace(self._recipe, steps=round(mean(one.steps for one in self._took)))

        def left_s() -> float:
            return math.inf if self._run.left_s() > 0 else 0.0

        def fit(maps: Any, targets: Any, rows: Any, number: int) -> Any:
            return self._fit_network(
                maps, targets, rows, recipe, seed=number, left_s=left_s, tick=tick
            ).networks

        return fit


def report(
    run: Job,
    material: Material,
    looked: Looked,
    trained: Trained,
    teacher: Teacher,
    tick: Callable[[], None],
) -> evaluation_pb2.Evaluation:
    """The evaluation, with what more pictures would bring where there is time to measure it."""
    sizes = looked.lesson.sizes
    sources, data = material.sources(), material.summary()
    made = evaluate(trained, sources, sizes, data, run.spec.seed, material.alike)
    tick()
    fit, usual_s, seed = teacher.again(tick), teacher.usual_s, run.spec.seed
    outlook.add(made, looked.lesson, trained, fit, usual_s, seed, run.left_s, tick)
    for subject, choice, why in _decisions(looked, trained):
        made.decisions.add(subject=subject, choice=choice, reason=why)
    return made


def _decisions(looked: Looked, trained: Trained) -> list[tuple[str, str, str]]:
    plan, detector = looked.lesson.plan, trained.detector
    views = len(looked.lesson.train.shown) // max(1, len(looked.lesson.truths))
    found = [
        ("backbone", looked.backbone.name.removeprefix("backbones/"), looked.reason),
        ("cut layer", " + ".join(plan.endpoints), "feature maps of these strides lie on the grid"),
        ("input size", f"{plan.geometry.side} pixels", plan.reason),
        ("views", f"{views} of each picture", "as it is, mirrored, parts, other light, mosaics"),
    ]
    if trained.stages:
        told = ", ".join(f"{100 * at:.0f}%: {value:.3f}" for at, value in trained.stages.items())
        best = max(trained.stages, key=lambda at: trained.stages[at])
        why = f"mean average precision of held-out pictures by the share of the steps: {told}"
        found.append(("training", f"{100 * best:.0f}% of the steps", why))
    if trained.precision:
        share = f"{100 * trained.precision:.0f} of 100 boxes shall be right"
        why = "asked for; where no score brings that, the best balance of wrong and missed ones"
        found.append(("threshold", share, why))
    known = "flagged by its distance" if detector.familiarity else "not flagged: too few boxes"
    found.append(("unknown", known, "95 of 100 things of known labels shall not be flagged"))
    return found


def publish(
    run: Job,
    job: pb.TrainingJob,
    material: Material,
    looked: Looked,
    trained: Trained,
    evaluation: evaluation_pb2.Evaluation,
    glimpses: Mapping[str, Glimpse],
) -> model_pb2.ModelVersion:
    """Write the version and make it live; can be repeated."""
    model = ModelName.parse(job.spec.model)
    version = artifacts.claim_version(run.tools.store, model, job.name)
    plan = looked.lesson.plan
    manifest = model_pb2.ModelVersion(
        task=model_pb2.TASK_DETECTION,
        labels=material.labels,
        features=model_pb2.Features(
            backbone=looked.backbone.name,
            backbone_digest=looked.backbone.digest,
            endpoints=plan.endpoints,
            dims=plan.channels,
            input_size=[plan.geometry.side] * 2,
        ),
        head=model_pb2.Head(
            parameters={
                "cell": str(plan.geometry.cell),
                "networks": str(len(trained.detector.networks)),
            }
        ),
        dataset=job.spec.dataset,
        dataset_version=job.spec.dataset_version,
        training_job=job.name,
        seed=job.spec.seed,
        example_count=len(material.rows),
        suite_version=graft.__version__,
    )
    if evaluation.detection.HasField("map50"):
        manifest.map50.CopyFrom(evaluation.detection.map50)
    draft = artifacts.Draft(manifest, trained.detector, evaluation)
    return publication.put(run.tools.store, job, version, draft, glimpses)
