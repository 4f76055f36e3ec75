"""From the maps of pictures and their boxes to a detector, and to what it answers when held out.

The pictures are divided into folds. One network is trained without each of them and answers it:
from those answers come how long to train, the thresholds, the probabilities and every number of the
report. The detector is all of these networks together: averaged they are better than they are
one by one (measured by benchmarks/detection.py), so that the numbers of the report are rather too
low than too high.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.detection.outcomes import Outcomes, outcomes_of_each
from graft.detection.resampling import map50
from graft.detection.scene import Answer, Scene, Truth
from graft.detection.threshold import Choice, Curve
from services.common.detector.detector import Detector, Found, look
from services.common.detector.merge import merge
from services.common.detector.network import Network
from services.common.detector.regions import Region
from services.common.heads.familiarity import Familiarity
from services.trainer.data.split import SplitPlan, stratified_folds
from services.trainer.detection.plan import Plan
from services.trainer.detection.targets import Targets
from services.trainer.detection.unknown import Known, fit_known
from services.trainer.detection.views import View
from services.trainer.search.examples import Examples
from services.trainer.search.platt import fit_platt

FOLDS: Final = 5
FEW_THINGS: Final = 15
"""A label with fewer things takes the threshold of all labels together."""

LEAST_HITS: Final = 5
"""With fewer right answers no curve is fitted to the scores."""

NO_THRESHOLD: Final = 0.5
"""Where nothing could be held out."""

Halves = NDArray[np.float16]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Views:
    """The maps of views at each endpoint, `[n, h, w, channels]`, and the pictures that each view
    shows, `[n, 4]`, the first one again where it shows fewer."""

    maps: Sequence[Halves]
    shown: Indices

    @classmethod
    def made(cls, maps: Sequence[Halves], views: Sequence[View]) -> Views:
        """Those of some views."""
        shown = [(*view.pictures, *view.pictures[:1] * (4 - len(view.pictures))) for view in views]
        return cls(maps, np.array(shown, np.int64).reshape(-1, 4))

    @property
    def pictures(self) -> Indices:
        """The first picture of each view, `[n]`."""
        return self.shown[:, 0]

    def of(self, numbers: Indices) -> Indices:
        """The views that show these pictures and no other, ascending."""
        return np.flatnonzero(np.isin(self.shown, numbers).all(axis=1))


@dataclass(frozen=True)
class Lesson:
    """What is learned: `truths` of the pictures, of `sizes` (width, height) and `groups`, one id a
    picture; views to train on with their `targets`; `whole` views to be answered, one a region."""

    plan: Plan
    labels: tuple[str, ...]
    truths: Sequence[Truth]
    sizes: Sequence[tuple[int, int]]
    groups: Indices
    train: Views
    targets: Targets
    whole: Views
    regions: Sequence[Region]


@dataclass(frozen=True)
class Trained:
    """The detector, and what the networks answered to pictures that they had not seen: a scene each
    of `pictures`, answered by that of `fold_of`; both are empty where nothing could be held out.
    `stages` are mean average precisions at IoU 0.5 by the share of the training done; `precision`
    is what was asked for, 0 for the best F1; `known` is None where nothing is flagged unknown."""

    detector: Detector
    scenes: Sequence[Scene]
    pictures: Indices
    fold_of: Indices
    stages: dict[float, float]
    precision: float = 0.0
    known: Known | None = None


Fit = Callable[[Sequence[Halves], Targets, Indices, int], tuple[Network, ...]]
"""Trains on the views of these rows with a seed: the network at each stage."""


def train(
    lesson: Lesson, fit: Fit, stages: Sequence[float], seed: int, precision: float = 0.0
) -> Trained:
    """Train a detector whose boxes shall be right by the share `precision`, or 0 for the best F1;
    `fit` raises to stop."""
    maps, divided = folded(lesson), divide(lesson, seed)
    if not divided.folds:
        everyone = lesson.train.of(np.arange(len(lesson.truths)))
        networks = fit(maps, lesson.targets, everyone, seed)
        nothing = np.zeros(0, np.int64)
        return Trained(draft(lesson, networks[-1:]), [], nothing, nothing, {}, precision)
    made = [
        fit(maps, lesson.targets, lesson.train.of(fold.train), seed * FOLDS + number)
        for number, fold in enumerate(divided.folds)
    ]
    answered = [
        _answered(lesson, [one[stage] for one in made], divided) for stage in range(len(stages))
    ]
    scores = [_map50(lesson, found) for found in answered]
    best = int(np.argmax(scores))
    pictures = np.array(sorted(answered[best]), np.int64)
    fold_of = np.zeros(len(lesson.truths), np.int64)
    for number, fold in enumerate(divided.folds):
        fold_of[fold.test] = number
    scenes = [scene_of(lesson.truths[n], answered[best][n]) for n in pictures.tolist()]
    detector = draft(lesson, tuple(networks[best] for networks in made))
    known = fit_known(things(lesson), seed)
    familiarity = known.familiarity if known else None
    detector, scenes = _calibrated(detector, scenes, precision, familiarity)
    told = dict(zip(stages, scores, strict=True))
    return Trained(detector, scenes, pictures, fold_of[pictures], told, precision, known)


def _answered(lesson: Lesson, networks: Sequence[Network], divided: SplitPlan) -> dict[int, Found]:
    """What the network of each fold finds in the pictures of that fold, by picture."""
    return {
        picture: found
        for network, fold in zip(networks, divided.folds, strict=True)
        for picture, found in answer_pictures(lesson, draft(lesson, (network,)), fold.test).items()
    }


def divide(lesson: Lesson, seed: int) -> SplitPlan:
    """The folds; none where there are too few pictures with things in them to hold any out."""
    borne = np.zeros((len(lesson.truths), len(lesson.labels) + 1), np.bool_)
    for number, truth in enumerate(lesson.truths):
        borne[number, truth.labels] = True
        borne[number, -1] = not len(truth.labels)
    shown = np.flatnonzero(~borne[:, -1])
    if len(np.unique(lesson.groups[shown])) < 2:
        return SplitPlan((), 0, np.arange(len(lesson.truths)))
    folds = min(FOLDS, len(np.unique(lesson.groups[shown])))
    # Whether a thing is shown at all is dealt out too, and every picture has one column.
    return stratified_folds(_one_each(borne), lesson.groups, folds=folds, seed=seed)


def _one_each(borne: NDArray[np.bool_]) -> Indices:
    """The rarest label of each picture, an index; pictures of a label that stands alone are dealt
    out with the most frequent one, so that none is left out."""
    counts = borne.sum(axis=0)
    rarest = np.where(borne, counts, np.iinfo(np.int64).max).argmin(axis=1)
    alone = np.bincount(rarest, minlength=len(counts)) < 2
    rarest[alone[rarest]] = int(np.bincount(rarest).argmax())
    return np.asarray(rarest, np.int64)


def folded(lesson: Lesson) -> list[Halves]:
    """The maps of the views to train on, on the grid."""
    folds = lesson.plan.geometry.folds
    return [fold(some) for fold, some in zip(folds, lesson.train.maps, strict=True)]


def draft(lesson: Lesson, networks: tuple[Network, ...]) -> Detector:
    """The detector of these networks, before it is calibrated."""
    thresholds = np.full(len(lesson.labels), NO_THRESHOLD, np.float32)
    plan = lesson.plan
    return Detector(lesson.labels, plan.channels, plan.geometry, networks, thresholds)


def answer_pictures(lesson: Lesson, detector: Detector, numbers: Indices) -> dict[int, Found]:
    """What a detector finds in the pictures `numbers`, in pixels, by number."""
    answers: dict[int, Found] = {}
    for number in numbers.tolist():
        rows = np.flatnonzero(lesson.whole.pictures == number)
        maps = [some[rows].astype(np.float32) for some in lesson.whole.maps]
        regions = [lesson.regions[row] for row in rows.tolist()]
        answers[number] = merge(detector.answer(maps), regions, *lesson.sizes[number])
    return answers


def _map50(lesson: Lesson, answers: dict[int, Found]) -> float:
    scenes = [scene_of(lesson.truths[number], found) for number, found in answers.items()]
    return float(np.nan_to_num(map50(scenes, len(lesson.labels))))


def scene_of(truth: Truth, found: Found) -> Scene:
    """A picture with what was found in it."""
    boxes = found.boxes.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return Scene(truth, Answer(boxes, found.labels, found.scores.astype(np.float64)))


def _calibrated(
    detector: Detector, scenes: list[Scene], precision: float, familiarity: Familiarity | None
) -> tuple[Detector, list[Scene]]:
    """The detector with a curve, thresholds and a sense of the unknown; the scenes with scores on
    that curve. The draft's curve leaves scores as they are."""
    labels = len(detector.labels)
    judged = outcomes_of_each(scenes, labels)
    everything = pooled(judged)
    curve = (1.0, 0.0)
    if everything.hits.sum() >= LEAST_HITS and not everything.hits.all():
        log_proba = np.log(np.clip(everything.scores, 1e-6, 1 - 1e-6)).astype(np.float32)
        temperature, offset = fit_platt(log_proba[None, :, None], everything.hits[:, None])
        curve = (1 / temperature, offset)
    detector = replace(detector, curve=curve)
    scenes = [
        replace(one, answer=replace(one.answer, scores=_on(detector, one.answer.scores)))
        for one in scenes
    ]
    thresholds = thresholds_of(scenes, labels, precision)
    return detector.calibrated(curve, thresholds, familiarity), scenes


def _on(detector: Detector, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return detector.probability(scores.astype(np.float32)).astype(np.float64)


def pooled(judged: Sequence[Outcomes]) -> Outcomes:
    """The answers of all labels as if they were of one."""
    scores = np.concatenate([one.scores for one in judged])
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([one.hits for one in judged])
    return Outcomes(scores[order], hits[order], sum(one.things for one in judged))


def thresholds_of(
    scenes: Sequence[Scene], labels: int, precision: float = 0.0
) -> NDArray[np.float32]:
    """From which score on a box of each label is meant, `[c]`: where F1 is best, or with a
    `precision` where that share of them is right, if any score brings it; a label with few things
    takes that of all together."""
    judged = outcomes_of_each(scenes, labels)
    common = _chosen(Curve.of(pooled(judged)), precision)
    usual = NO_THRESHOLD if common is None else common.threshold
    found = np.full(labels, usual, np.float32)
    for label, one in enumerate(judged):
        own = _chosen(Curve.of(one), precision)
        if one.things >= FEW_THINGS and own is not None:
            found[label] = own.threshold
    return found


def _chosen(curve: Curve, precision: float) -> Choice | None:
    wanted = curve.for_precision(precision) if precision else None
    return wanted or curve.best_f1()


def things(lesson: Lesson) -> Examples:
    """All things of all pictures: the mean of the coarsest map in the box, and the label."""
    features, labels, owners = [], [], []
    for row in range(len(lesson.whole.pictures)):
        number, region = int(lesson.whole.pictures[row]), lesson.regions[row]
        truth = lesson.truths[number]
        if (region.width, region.height) != tuple(map(float, lesson.sizes[number])):
            continue
        boxes = truth.boxes[~truth.crowd]
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        shares = (corners / np.array(lesson.sizes[number] * 2)).astype(np.float32)
        features.append(look(lesson.whole.maps[-1][row].astype(np.float32), shares))
        labels.append(truth.labels[~truth.crowd])
        owners.append(np.full(len(boxes), lesson.groups[number]))
    return Examples(
        np.concatenate(features), np.concatenate(labels), lesson.labels, np.concatenate(owners)
    )
