"""A forecast as a message and in words. Pure.

A class is forecast as it grows together with the others. Examples added to one class alone lift its
recall by more, but only because answers are taken from the other classes; that is no gain to
promise.
"""

from __future__ import annotations

from collections.abc import Sequence

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.forecast import (
    DOUBLE,
    LEVEL,
    MOST,
    RATIOS,
    ClassOutlook,
    Forecast,
    Point,
    Range,
    Verdict,
)


def to_learning_curve(found: Forecast, labels: Sequence[str]) -> pb.LearningCurve:
    """The part of the Evaluation that says what more examples bring."""
    return pb.LearningCurve(
        measured=[_point(point) for point in found.measured],
        forecast=[_point(point) for point in found.expected],
        classes=[_class(outlook, labels[outlook.index]) for outlook in found.classes],
        sentence=sentence(found),
    )


def _point(point: Point) -> pb.LearningPoint:
    found = point.accuracy
    interval = pb.Interval(estimate=found.estimate, low=found.low, high=found.high, level=LEVEL)
    return pb.LearningPoint(examples_per_class=point.examples_per_class, accuracy=interval)


def _class(found: ClassOutlook, label: str) -> pb.ClassForecast:
    return pb.ClassForecast(
        label=label,
        recall_now=found.recall_now,
        more_low=found.more_low,
        more_high=found.more_high,
        recall_then=found.recall_then,
        sentence=class_sentence(found, label),
    )


def sentence(found: Forecast) -> str:
    """The whole in words, and what to do."""
    now, then = found.expected[0], found.expected[RATIOS.index(DOUBLE)]
    if found.verdict is Verdict.USELESS:
        return (
            f"More examples of the same kind will hardly help: with {MOST:.0f} times as many the "
            f"accuracy would rise by {_points(found.gain_most.high)} at most (in 9 of 10 cases). "
            "Look at what is mixed up instead, or take another backbone."
        )
    step = (
        f"Twice as many examples (about {then.examples_per_class:.0f} of each class) are expected "
        f"to lift the accuracy from {_share(now.accuracy.estimate)} to "
        f"{_share(then.accuracy.estimate)}; in 8 of 10 cases it comes to lie between "
        f"{_share(then.accuracy.low)} and {_share(then.accuracy.high)}."
    )
    if found.verdict is Verdict.HELPS:
        return f"{step} {_worth(found.gain_double)}"
    return (
        f"{step} That is little: look first at the examples it gets wrong and at what is mixed "
        "up; collect more only if those give no hint."
    )


def _worth(gain: Range) -> str:
    low, high = (100 * max(value, 0.0) for value in (gain.low, gain.high))
    return (
        f"The gain is surer than the level: {low:.0f} to {high:.0f} points in 8 of 10 cases. "
        "Collecting more is worth the work."
    )


def class_sentence(found: ClassOutlook, label: str) -> str:
    """What more examples of one class bring, in words."""
    now, then = _share(found.recall_now), _share(found.recall_then)
    if found.verdict is Verdict.USELESS:
        return (
            f"More {label} will not help: {now} are found already, and {MOST:.0f} times as many "
            "examples would hardly change that."
        )
    if found.verdict is Verdict.LITTLE:
        lift = f"lift the share found from {now} to {then}" if now != then else f"leave it at {now}"
        return (
            f"Whether more {label} would help much cannot be told from {found.count}: twice as "
            f"many are expected to {lift}."
        )
    return (
        f"{_amount(found)} {label} lift the share found from {now} to {then}, if the other classes "
        "grow in step."
    )


def _amount(found: ClassOutlook) -> str:
    if found.capped:
        return f"About {found.more_low} to {found.more_high} more examples, or still more, of"
    if found.more_low == found.more_high:
        return f"About {found.more_low} more of"
    return f"About {found.more_low} to {found.more_high} more examples of"


def _share(value: float) -> str:
    shown = 100 * value
    return f"{shown:.1f}%" if shown > 99 or shown < 1 else f"{shown:.0f}%"


def _points(value: float) -> str:
    shown = f"{100 * max(value, 0.0):.0f}"
    return f"{shown} point" if shown == "1" else f"{shown} points"
