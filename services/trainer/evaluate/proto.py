"""From what the search and the metrics found to the Evaluation that is stored and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.duration_pb2 import Duration

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.intervals import LEVEL, Interval
from services.trainer.evaluate.metrics import ClassNumbers, Numbers, Pair, measure
from services.trainer.evaluate.several import SeveralNumbers, measure_several
from services.trainer.fitters.base import several
from services.trainer.search.examples import Indices
from services.trainer.search.held_out import HeldOut
from services.trainer.search.run import CandidateRow, SearchResult

CROSS_VALIDATION = "cross-validation"
TEST_SET = "test set"
NONE = "none"


@dataclass(frozen=True)
class Source:
    """Where an example came from: the path of its import and the SHA-256 of its bytes, in hex."""

    path: str
    sha256: str


def evaluate_search(
    result: SearchResult,
    sources: Sequence[Source],
    data: pb.DataSummary,
    counts: Indices,
    alike: Indices,
) -> pb.Evaluation:
    """What was counted in a search; `sources[i]` belongs to example i, `counts` `[c]` says how many
    examples each class has; examples that are nearly the same share a group in `alike` `[n]`. The
    notes of the search are added to the warnings of `data`; `model_version` is left for whoever
    names it."""
    evaluation = pb.Evaluation(method=NONE, data=data, several_labels=several(result.examples.y))
    held_out, examples = result.held_out, result.examples
    if held_out is None:
        evaluation.interval_method = "No example could be held out, so that nothing was measured."
        for label, count in zip(examples.labels, counts, strict=True):
            evaluation.per_class.add(label=label, example_count=int(count))
    elif evaluation.several_labels:
        evaluation.MergeFrom(_several(result, held_out, sources, alike))
        _count_all(evaluation, counts)
    else:
        numbers = measure(
            held_out.log_proba,
            examples.y[held_out.items],
            examples.labels,
            items=held_out.items,
            groups=alike[held_out.items],
            train_share=held_out.train_share,
            optimism=result.optimism,
        )
        evaluation.MergeFrom(to_evaluation(numbers, examples.labels, sources))
        _count_all(evaluation, counts)
    evaluation.data.warnings.extend(result.notes)
    evaluation.candidates.extend(_candidate(row) for row in result.rows)
    return evaluation


def _several(
    result: SearchResult, held_out: HeldOut, sources: Sequence[Source], alike: Indices
) -> pb.Evaluation:
    """The measured part where an example may bear several labels."""
    labels = result.examples.labels
    numbers = measure_several(
        held_out.log_proba,
        result.examples.y[held_out.items],
        held_out.fold,
        labels,
        items=held_out.items,
        groups=alike[held_out.items],
        train_share=held_out.train_share,
        optimism=result.optimism,
    )
    evaluation = pb.Evaluation(
        method=CROSS_VALIDATION,
        evaluated_count=numbers.count,
        accuracy=to_interval(numbers.accuracy),
        macro_f1=numbers.macro_f1,
        micro_f1=numbers.micro_f1,
        log_loss=numbers.log_loss,
        expected_calibration_error=numbers.expected_calibration_error,
        per_class=[_class(found) for found in numbers.per_class],
        interval_method=_cross_validated(numbers),
    )
    thresholds = result.head.calibration.thresholds
    assert thresholds is not None
    told = zip(evaluation.per_class, numbers.average_precision, thresholds, strict=True)
    for found, precision, threshold in told:
        found.threshold = float(threshold)
        if precision is not None:
            found.average_precision = precision
    evaluation.confusion.pairs.extend(_pair(pair, labels) for pair in numbers.pairs)
    for mistake in numbers.mistakes:
        evaluation.mistakes.add(
            path=sources[mistake.item].path,
            sha256=sources[mistake.item].sha256,
            truth=", ".join(labels[label] for label in mistake.truth),
            answer=", ".join(labels[label] for label in mistake.answer),
            score=mistake.score,
        )
    return evaluation


def _count_all(evaluation: pb.Evaluation, counts: Indices) -> None:
    """A class counts all its examples, those never held out included."""
    for found, count in zip(evaluation.per_class, counts, strict=True):
        found.example_count = int(count)


def to_evaluation(
    numbers: Numbers, labels: Sequence[str], sources: Sequence[Source]
) -> pb.Evaluation:
    """The measured part of an Evaluation; `sources` is indexed by `Mistake.item`."""
    evaluation = pb.Evaluation(
        method=CROSS_VALIDATION if numbers.train_share < 1 else TEST_SET,
        evaluated_count=numbers.count,
        accuracy=to_interval(numbers.accuracy),
        macro_f1=numbers.macro_f1,
        log_loss=numbers.log_loss,
        expected_calibration_error=numbers.expected_calibration_error,
        per_class=[_class(found) for found in numbers.per_class],
        confusion=_confusion(numbers, labels),
        interval_method=_method(numbers),
    )
    for mistake in numbers.mistakes:
        evaluation.mistakes.add(
            path=sources[mistake.item].path,
            sha256=sources[mistake.item].sha256,
            truth=labels[mistake.truth],
            answer=labels[mistake.answer],
            score=mistake.score,
        )
    return evaluation


def to_interval(interval: Interval | None) -> pb.Interval | None:
    """An interval as it is stored; None stays None."""
    if interval is None:
        return None
    return pb.Interval(
        estimate=interval.estimate, low=interval.low, high=interval.high, level=LEVEL
    )


def _class(found: ClassNumbers) -> pb.ClassEvaluation:
    return pb.ClassEvaluation(
        label=found.label,
        example_count=found.count,
        precision=to_interval(found.precision),
        recall=to_interval(found.recall),
        false_positive_rate=to_interval(found.false_positive_rate),
        false_negative_rate=to_interval(found.false_negative_rate),
    )


def _confusion(numbers: Numbers, labels: Sequence[str]) -> pb.ConfusionMatrix:
    counts = np.zeros(0, np.int64) if numbers.confusion is None else numbers.confusion.ravel()
    matrix = pb.ConfusionMatrix(labels=labels, counts=counts.tolist())
    matrix.pairs.extend(_pair(pair, labels) for pair in numbers.pairs)
    return matrix


def _pair(pair: Pair, labels: Sequence[str]) -> pb.ConfusedPair:
    return pb.ConfusedPair(
        truth=labels[pair.truth], answer=labels[pair.answer], count=pair.count, share=pair.share
    )


def _method(numbers: Numbers) -> str:
    right = f"{100 * numbers.share_right:.1f}%"
    if numbers.train_share == 1:
        return (
            f"Of {numbers.count} test examples {right} were answered right. "
            "In 95 of 100 such tests the range (Wilson's) holds the true share."
        ) + counted_together(numbers.count, numbers.different)
    return _cross_validated(numbers)


def _cross_validated(numbers: Numbers | SeveralNumbers) -> str:
    right, trained = 100 * numbers.share_right, 100 * numbers.train_share
    return (
        f"Every one of {numbers.count} examples was held out in turn, and {right:.1f}% were "
        f"answered right by models trained on {trained:.0f}% of the examples. The model "
        "delivered is trained on all of them, so that slightly more is expected of it. In 95 of "
        "100 such models the range (Wilson's, widened because the examples train as well as "
        "test) holds the true share."
    ) + counted_together(numbers.count, numbers.different)


def counted_together(count: int, different: int, what: str = "examples") -> str:
    """A sentence that follows where some of the examples are nearly the same as others."""
    if different == count:
        return ""
    return (
        f" Of the {what} {different} differ; those that are nearly the same as one another count"
        " together, so that the ranges are wider than they would be otherwise."
    )


def _candidate(row: CandidateRow) -> pb.Candidate:
    duration = Duration()
    duration.FromNanoseconds(round(row.seconds * 1e9))
    return pb.Candidate(
        kind=row.kind,
        parameters=row.parameters,
        log_loss=row.log_loss,
        log_loss_standard_error=row.standard_error,
        accuracy=row.accuracy,
        duration=duration,
        chosen=row.chosen,
        reason=row.reason,
    )
