"""The report of a detector, from what its networks answered to pictures that they had not seen.

Thresholds are chosen where F1 is best; the numbers of each fold are counted with thresholds that
were chosen without it, since a threshold flatters what chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.boxes import Box
from graft.detection.average_precision import BANDS, AveragePrecision, average_precision
from graft.detection.counts import Tally, tally
from graft.detection.errors import ErrorCounts, Kind, count_errors, sort_scene
from graft.detection.resampling import independent_share, map50_range
from graft.detection.scene import Scene
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.detection.training import Trained, thresholds_of
from services.trainer.detection.unknown import Known
from services.trainer.evaluate.intervals import LEVEL, wilson
from services.trainer.evaluate.proto import (
    CROSS_VALIDATION,
    NONE,
    Source,
    counted_together,
    to_interval,
)
from services.trainer.evaluate.unknown import unknown_check

MAX_PICTURES: Final = 24
"""Pictures that the report shows with their boxes."""

NOTHING_HELD_OUT: Final = "No picture could be held out, so that nothing was measured."

Sizes = Sequence[tuple[int, int]]


def evaluate(
    trained: Trained,
    sources: Sequence[Source],
    sizes: Sizes,
    data: pb.DataSummary,
    seed: int,
    alike: NDArray[np.int64],
) -> pb.Evaluation:
    """What was counted; `sources` and `sizes` are those of all pictures of the job, of which those
    that are nearly the same share a group in `alike` `[n]`."""
    detector = trained.detector
    if not trained.scenes:
        evaluation = pb.Evaluation(method=NONE, data=data, interval_method=NOTHING_HELD_OUT)
        evaluation.detection.SetInParent()
        evaluation.per_class.extend(pb.ClassEvaluation(label=label) for label in detector.labels)
        return evaluation
    labels, scenes = len(detector.labels), trained.scenes
    groups = alike[trained.pictures]
    score = average_precision(scenes, labels)
    fold_thresholds = _without_each(trained, labels)
    errors = _errors(trained, fold_thresholds)
    evaluation = pb.Evaluation(
        method=CROSS_VALIDATION,
        evaluated_count=len(scenes),
        data=data,
        interval_method=_method(trained, len(np.unique(groups))),
        detection=pb.DetectionEvaluation(
            map50=_range(scenes, labels, score, seed, groups),
            map50_95=_number(score.map()),
            bands=[_band(score, name) for name in BANDS if name != "all"],
            errors=[
                _error(label, counts) for label, counts in zip(detector.labels, errors, strict=True)
            ],
            counts=_counts(trained, fold_thresholds),
            pictures=_pictures(trained, sources, sizes),
        ),
    )
    if trained.known is not None:
        _add_unknown(evaluation, trained.known)
    by_label = score.by_label(overlap=0.5)
    things = tally(scenes, detector.thresholds.astype(np.float64)).things
    for number, (label, counts) in enumerate(zip(detector.labels, errors, strict=True)):
        evaluation.per_class.append(
            _class(
                label,
                counts,
                by_label[number],
                float(detector.thresholds[number]),
                independent_share(things[:, number], groups),
            )
        )
    return evaluation


def _add_unknown(evaluation: pb.Evaluation, known: Known) -> None:
    unknown, found = known.unknown, unknown_check(known.unknown, known.numbers)
    found.method = "distance from the things that were shown"
    found.ClearField("auroc_max_probability")  # a score tells whether there is a thing at all
    evaluation.unknown_check.CopyFrom(found)
    if unknown.measured_kept_share is not None:
        evaluation.unknown_threshold = unknown.familiarity.below
        evaluation.unknown_rate = 1 - unknown.measured_kept_share


def _method(trained: Trained, different: int) -> str:
    networks = len(trained.detector.networks)
    return (
        f"Each of {len(trained.scenes)} pictures was answered by a network that was trained without"
        f" it. The detector averages {networks} such networks, which finds more than one of them"
        " does: expect rather more than these numbers. The range (95%) comes from drawing the"
        " pictures again and again with replacement."
    ) + counted_together(len(trained.scenes), different, "pictures")


def _number(value: float) -> float:
    return 0.0 if np.isnan(value) else float(value)


def _range(
    scenes: Sequence[Scene],
    labels: int,
    score: AveragePrecision,
    seed: int,
    groups: NDArray[np.int64],
) -> pb.Interval:
    estimate = _number(score.map(overlap=0.5))
    low, high = map50_range(scenes, labels, seed, groups) or (0.0, 1.0)
    return pb.Interval(
        estimate=estimate, low=min(low, estimate), high=max(high, estimate), level=LEVEL
    )


def _without_each(trained: Trained, labels: int) -> dict[int, NDArray[np.float64]]:
    """For each fold the thresholds that the others choose, `[c]`."""
    found = {}
    for fold in np.unique(trained.fold_of).tolist():
        rest = [
            scene
            for scene, other in zip(trained.scenes, trained.fold_of, strict=True)
            if other != fold
        ]
        found[fold] = thresholds_of(rest, labels, trained.precision).astype(np.float64)
    return found


def _of_fold(trained: Trained, fold: int) -> list[Scene]:
    return [s for s, other in zip(trained.scenes, trained.fold_of, strict=True) if other == fold]


def _errors(trained: Trained, thresholds: dict[int, NDArray[np.float64]]) -> list[ErrorCounts]:
    total = [ErrorCounts() for _ in trained.detector.labels]
    for fold, chosen in thresholds.items():
        found = count_errors(_of_fold(trained, fold), chosen)
        total = [some + more for some, more in zip(total, found, strict=True)]
    return total


def _class(
    label: str, counts: ErrorCounts, precision: float, threshold: float, independent: float
) -> pb.ClassEvaluation:
    """`independent`: what share of the things count as independent trials."""
    wrong = counts.duplicate + counts.wrong_place + counts.wrong_class + counts.background
    given, things = counts.hit + wrong, counts.hit + counts.missed
    made = pb.ClassEvaluation(
        label=label,
        example_count=things,
        precision=to_interval(wilson(counts.hit, given, independent * given)),
        recall=to_interval(wilson(counts.hit, things, independent * things)),
        threshold=threshold,
    )
    if not np.isnan(precision):
        made.average_precision = float(precision)
    return made


def _band(score: AveragePrecision, name: str) -> pb.SizeBand:
    things = int(score.things[:, list(BANDS).index(name)].sum())
    made = pb.SizeBand(name=name, thing_count=things)
    if things:
        made.map50 = _number(score.map(overlap=0.5, band=name))
    return made


def _error(label: str, counts: ErrorCounts) -> pb.DetectionErrors:
    return pb.DetectionErrors(
        label=label,
        hit=counts.hit,
        duplicate=counts.duplicate,
        wrong_place=counts.wrong_place,
        wrong_class=counts.wrong_class,
        background=counts.background,
        missed=counts.missed,
    )


def _counts(trained: Trained, thresholds: dict[int, NDArray[np.float64]]) -> list[pb.CountCheck]:
    parts = [tally(_of_fold(trained, fold), chosen) for fold, chosen in thresholds.items()]
    whole = Tally(
        np.concatenate([one.things for one in parts]),
        np.concatenate([one.answers for one in parts]),
        np.concatenate([one.known for one in parts]),
    )
    found = []
    for number, label in enumerate(trained.detector.labels):
        score = whole.score(number)
        if score is not None:
            found.append(
                pb.CountCheck(
                    label=label,
                    mean_absolute_error=score.mean_absolute_error,
                    bias=score.bias,
                    exact_share=score.exact,
                    picture_count=score.pictures,
                )
            )
    return found


def _pictures(
    trained: Trained, sources: Sequence[Source], sizes: Sizes
) -> list[pb.DetectedPicture]:
    """Those with most wrong first; of equals the one with more things."""
    thresholds = trained.detector.thresholds.astype(np.float64)
    ranked = []
    for scene, number in zip(trained.scenes, trained.pictures.tolist(), strict=True):
        found = sort_scene(scene, thresholds)
        wrong = int(found.missed.sum()) + sum(one.kind != Kind.HIT for one in found.findings)
        ranked.append((-wrong, -len(scene.truth.labels), number, scene, found))
    ranked.sort(key=lambda one: one[:3])
    pictures = []
    for _, _, number, scene, found in ranked[:MAX_PICTURES]:
        width, height = sizes[number]
        made = pb.DetectedPicture(
            path=sources[number].path, sha256=sources[number].sha256, width=width, height=height
        )
        _add_things(made, scene, found.missed, trained.detector.labels)
        for one in found.findings:
            made.boxes.add(
                label=trained.detector.labels[int(scene.answer.labels[one.number])],
                box=_box(scene.answer.boxes[one.number]),
                kind=one.kind.value,
                score=float(scene.answer.scores[one.number]),
            )
        pictures.append(made)
    return pictures


def _add_things(
    made: pb.DetectedPicture, scene: Scene, missed: NDArray[np.bool_], labels: Sequence[str]
) -> None:
    truth = scene.truth
    for box, label, crowd, gone in zip(truth.boxes, truth.labels, truth.crowd, missed, strict=True):
        kind = "crowd" if crowd else "missed" if gone else "found"
        made.boxes.add(label=labels[int(label)], box=_box(box), kind=kind)


def _box(box: NDArray[np.float64]) -> object:
    return Box(*box.tolist()).to_proto()
