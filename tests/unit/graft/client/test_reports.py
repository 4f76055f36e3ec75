"""Reports as a program reads them."""

from __future__ import annotations

import pytest

from graft.client.models import ModelVersion
from graft.client.reports import Evaluation
from graft.model.v1 import evaluation_pb2, model_pb2
from tests.support import detected


def test_a_report_of_several_labels_tells_f1_thresholds_and_order() -> None:
    report = evaluation_pb2.Evaluation(several_labels=True, micro_f1=0.8, macro_f1=0.7)
    report.per_class.add(label="hat", threshold=0.25, average_precision=0.9)
    report.per_class.add(label="shoe", threshold=0.5)
    found = Evaluation.from_proto(report)
    assert found.micro_f1 == pytest.approx(0.8)
    assert [one.threshold for one in found.per_class] == [0.25, 0.5]
    assert [one.average_precision for one in found.per_class] == [0.9, None]


def test_a_report_of_one_label_has_none_of_these() -> None:
    found = Evaluation.from_proto(
        evaluation_pb2.Evaluation(per_class=[evaluation_pb2.ClassEvaluation(label="hat")])
    )
    assert (found.micro_f1, found.detection) == (None, None)
    assert (found.per_class[0].threshold, found.per_class[0].average_precision) == (None, None)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (model_pb2.TASK_CLASSIFICATION, "classification"),
        (model_pb2.TASK_MULTI_LABEL, "multi-label"),
        (model_pb2.TASK_DETECTION, "detection"),
        (model_pb2.TASK_UNSPECIFIED, ""),
    ],
)
def test_a_version_says_what_it_does(task: model_pb2.Task, told: str) -> None:
    assert ModelVersion.from_proto(model_pb2.ModelVersion(task=task)).task == told


def test_a_report_of_a_detector_tells_map50_and_its_errors_over_all_classes() -> None:
    found = Evaluation.from_proto(detected.report())
    assert found.accuracy is None
    assert found.detection is not None
    assert found.detection.map50 is not None
    assert (found.detection.map50.estimate, found.detection.map50_95) == (0.83, 0.52)
    assert found.detection.outlook == "More help."
    assert (found.detection.errors.hit, found.detection.errors.wrong_place) == (80, 10)
    assert [one.threshold for one in found.per_class] == [0.41, 0.41]


def test_a_detector_that_could_not_be_measured_has_no_map50() -> None:
    report = evaluation_pb2.Evaluation(detection=evaluation_pb2.DetectionEvaluation())
    found = Evaluation.from_proto(report).detection
    assert found is not None
    assert found.map50 is None


def test_a_version_of_a_detector_tells_its_size_and_map50() -> None:
    version = model_pb2.ModelVersion(map50=detected.MAP50)
    version.features.input_size[:] = [320, 448]
    found = ModelVersion.from_proto(version)
    assert found.input_size == (320, 448)
    assert found.map50 is not None
    assert (found.map50.estimate, found.accuracy) == (0.83, None)
