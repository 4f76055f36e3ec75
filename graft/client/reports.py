"""The report of one model version, as the trainer measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from google.protobuf import json_format

from graft.detection.errors import ErrorCounts
from graft.model.v1 import evaluation_pb2


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the range that holds the truth in the share `level` of cases."""

    estimate: float
    low: float
    high: float
    level: float

    @classmethod
    def from_proto(cls, interval: evaluation_pb2.Interval) -> Interval:
        """Read an interval off the wire."""
        return cls(interval.estimate, interval.low, interval.high, interval.level)


def optional_interval(message: Any, field: str) -> Interval | None:
    """Answer the interval in a field, or None where it is absent."""
    return Interval.from_proto(getattr(message, field)) if message.HasField(field) else None


@dataclass(frozen=True, slots=True)
class ClassReport:
    """How one class fares; a share is None where nothing could be measured.

    `average_precision` and `threshold`, the score from which on the label is answered, are those of
    a model of several labels an item, and of a detector; None of any other.
    """

    label: str
    count: int
    precision: Interval | None
    recall: Interval | None
    false_positive_rate: Interval | None
    false_negative_rate: Interval | None
    average_precision: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """`count` examples of `truth`, the share `share` of them, were called `answer`; of several
    labels, `truth` was missed and `answer` wrongly given."""

    truth: str
    answer: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """One example that was answered wrong while it was held out."""

    path: str
    truth: str
    answer: str
    score: float


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """How well a detector finds things, by COCO's mean average precision.

    `map50`, at IoU 0.5, is None when there were too few pictures to hold any back. `errors`
    are what the answers came to, over all classes. `outlook` says what more pictures would bring.
    """

    map50: Interval | None
    map50_95: float
    errors: ErrorCounts
    outlook: str

    @classmethod
    def from_proto(cls, found: evaluation_pb2.DetectionEvaluation) -> DetectionReport:
        """Read it off the wire."""
        names = [field.name for field in fields(ErrorCounts)]
        errors = {name: sum(getattr(one, name) for one in found.errors) for name in names}
        return cls(
            optional_interval(found, "map50"), found.map50_95, ErrorCounts(**errors), found.outlook
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The honest report: every score comes from examples that were held out.

    `accuracy` is None when there were too few examples to hold any back (`method` is `none`).
    `document` is the whole report as plain data, under the names of evaluation.proto. Of a model of
    several labels an item `accuracy` is the share of items all of whose labels are answered and no
    other, and `micro_f1` is over all labels together; of any other it is None. Of a detector
    `accuracy` is None, and `detection` tells how well it finds things.
    """

    model_version: str
    method: str
    evaluated_count: int
    accuracy: Interval | None
    macro_f1: float
    log_loss: float
    ece: float
    per_class: tuple[ClassReport, ...]
    confused: tuple[ConfusedPair, ...]
    mistakes: tuple[Mistake, ...]
    warnings: tuple[str, ...]
    unknown_threshold: float
    unknown_rate: float
    document: Mapping[str, Any]
    micro_f1: float | None = None
    detection: DetectionReport | None = None

    @classmethod
    def from_proto(cls, report: evaluation_pb2.Evaluation) -> Evaluation:
        """Read a report off the wire."""
        return cls(
            model_version=report.model_version,
            method=report.method,
            evaluated_count=report.evaluated_count,
            accuracy=optional_interval(report, "accuracy"),
            macro_f1=report.macro_f1,
            log_loss=report.log_loss,
            ece=report.expected_calibration_error,
            per_class=tuple(_class_report(entry) for entry in report.per_class),
            confused=tuple(
                ConfusedPair(pair.truth, pair.answer, pair.count, pair.share)
                for pair in report.confusion.pairs
            ),
            mistakes=tuple(
                Mistake(one.path, one.truth, one.answer, one.score) for one in report.mistakes
            ),
            warnings=tuple(report.data.warnings),
            unknown_threshold=report.unknown_threshold,
            unknown_rate=report.unknown_rate,
            document=json_format.MessageToDict(report, preserving_proto_field_name=True),
            micro_f1=report.micro_f1 if report.several_labels else None,
            detection=DetectionReport.from_proto(report.detection)
            if report.HasField("detection")
            else None,
        )


def _optional(entry: evaluation_pb2.ClassEvaluation, field: str) -> float | None:
    return float(getattr(entry, field)) if entry.HasField(field) else None


def _class_report(entry: evaluation_pb2.ClassEvaluation) -> ClassReport:
    return ClassReport(
        label=entry.label,
        count=entry.example_count,
        precision=optional_interval(entry, "precision"),
        recall=optional_interval(entry, "recall"),
        false_positive_rate=optional_interval(entry, "false_positive_rate"),
        false_negative_rate=optional_interval(entry, "false_negative_rate"),
        average_precision=_optional(entry, "average_precision"),
        threshold=_optional(entry, "threshold"),
    )


@dataclass(frozen=True, slots=True)
class Report:
    """A report as data and as one self-contained HTML page."""

    evaluation: Evaluation
    html: str
