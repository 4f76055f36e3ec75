"""Scoring a detector on pictures that the user holds, with boxes around their things."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graft.boxes import Drawing, LabelledBox
from graft.client.detections import Detected, DetectedObject
from graft.client.predictions import Prediction
from graft.client.reports import Interval
from graft.client.scored import BandScore, BoxScore, BoxScoring
from graft.detection.average_precision import BANDS, AveragePrecision, average_precision
from graft.detection.counts import tally
from graft.detection.errors import ErrorCounts, count_errors
from graft.detection.outcomes import outcomes_of_each
from graft.detection.resampling import LEVEL, map50_range
from graft.detection.scene import Answer, Scene, Truth
from graft.errors import Conflict, InvalidArgument
from graft.examples import Example
from graft.fitting import fit

_ALL = -math.inf
"""The threshold where the model has set its own."""
_SHOWN = 20


def score_boxes(
    answered: Sequence[tuple[Example, Prediction]],
    labels: Sequence[str],
    problems: Mapping[str, str],
) -> BoxScoring:
    """Score the predictions of a detector that knows `labels`, on examples with drawings; raise
    InvalidArgument when none can be scored."""
    told = dict(problems)
    pictures = list(_pictures(answered, labels, told))
    if not pictures:
        first = next(iter(told.items()), ("no example", "there was none"))
        raise InvalidArgument(
            f"no picture could be scored. Received: {len(told)} bad ones, first {first}"
        )
    given = [Scene(one.truth, one.given) for one in pictures]
    every = [Scene(one.truth, one.every) for one in pictures]
    thresholds = np.full(len(labels), _ALL)
    found = average_precision(every, len(labels))
    errors = count_errors(given, thresholds)
    counted = tally(given, thresholds)
    counts = {label: counted.score(number) for number, label in enumerate(labels)}
    return BoxScoring(
        map50=_known(found.map(overlap=0.5)),
        map50_interval=_range(every, len(labels), found),
        map50_95=_known(found.map()),
        per_class=dict(zip(labels, _by_class(given, found), strict=True)),
        bands={name: _band(found, name) for name in list(BANDS)[1:]},
        errors=sum(errors, ErrorCounts()),
        errors_by_class=dict(zip(labels, errors, strict=True)),
        counts={label: score for label, score in counts.items() if score is not None},
        count=len(pictures),
        unknown=sum(one.unknown for one in pictures),
        unseen=dict(sum((one.unseen for one in pictures), Counter())),
        problems=told,
        versions=tuple(sorted({prediction.version for _, prediction in answered})),
    )


@dataclass(frozen=True, slots=True)
class _Picture:
    """What one picture shows, what the model answers to it, and all that it can answer."""

    truth: Truth
    given: Answer
    every: Answer
    unknown: int
    unseen: Counter[str]


def _pictures(
    answered: Sequence[tuple[Example, Prediction]],
    labels: Sequence[str],
    problems: dict[str, str],
) -> Iterable[_Picture]:
    """The pictures that can be scored; why others cannot is added to the problems."""
    index = {label: number for number, label in enumerate(labels)}
    for example, prediction in answered:
        if prediction.detected is None:
            raise InvalidArgument(
                "the model answers labels and no boxes; evaluate it on examples with labels."
                f" Received: {example.path!r} with boxes"
            )
        fitted = fit(example.drawing or Drawing(), *_size(prediction.detected))
        if example.labels:
            problems[example.path] = "a detector is scored by boxes. Received: labels without boxes"
        elif fitted.why:
            problems[example.path] = fitted.why
        else:
            yield _picture(fitted.boxes, prediction.detected, index)


def _range(scenes: Sequence[Scene], labels: int, found: AveragePrecision) -> Interval | None:
    estimate, ends = found.map(overlap=0.5), map50_range(scenes, labels)
    if ends is None:
        return None
    return Interval(estimate, min(ends[0], estimate), max(ends[1], estimate), LEVEL)


def _size(detected: Detected) -> tuple[int, int]:
    return detected.width, detected.height


def _picture(
    boxes: Sequence[LabelledBox], detected: Detected, index: Mapping[str, int]
) -> _Picture:
    seen = [one for one in boxes if one.label in index]
    truth = Truth(
        np.array([_sides(one) for one in seen], np.float64).reshape(-1, 4),
        np.array([index[one.label] for one in seen], np.int64),
        np.array([one.crowd for one in seen], np.bool_),
    )
    return _Picture(
        truth,
        _answer(detected.objects, index),
        _answer((*detected.objects, *detected.doubtful), index),
        sum(one.unknown for one in detected.objects),
        Counter(one.label for one in boxes if one.label not in index and not one.crowd),
    )


def _sides(one: LabelledBox | DetectedObject) -> tuple[float, float, float, float]:
    return one.box.left, one.box.top, one.box.width, one.box.height


def _answer(objects: Sequence[DetectedObject], index: Mapping[str, int]) -> Answer:
    strange = [one.label for one in objects if one.label not in index]
    if strange:
        raise Conflict(
            "another version of the model answered than the one whose labels were asked for;"
            f" evaluate NAME/VERSION. Received: {strange[0]!r}"
        )
    return Answer.of(
        [_sides(one) for one in objects],
        [index[one.label] for one in objects],
        [one.score for one in objects],
    )


def _by_class(given: Sequence[Scene], found: AveragePrecision) -> Iterable[BoxScore]:
    halves, wholes = found.by_label(overlap=0.5), found.by_label()
    judged = outcomes_of_each(given, len(halves))
    for ap50, ap50_95, one in zip(halves, wholes, judged, strict=True):
        score = one.at(_ALL)
        yield BoxScore(
            precision=score.precision,
            recall=score.recall,
            f1=score.f1,
            ap50=_known(ap50),
            ap50_95=_known(ap50_95),
            count=score.count,
        )


def _band(found: AveragePrecision, name: str) -> BandScore:
    count = int(found.things[:, list(BANDS).index(name)].sum())
    return BandScore(count, _known(found.map(overlap=0.5, band=name)))


def _known(figure: float) -> float | None:
    """A figure that is known; None for NaN."""
    return None if math.isnan(figure) else float(figure)
