"""The report of a detector of two classes, as the trainer writes one."""

from __future__ import annotations

from graft.common.v1 import box_pb2
from graft.model.v1 import evaluation_pb2 as pb

MAP50 = pb.Interval(estimate=0.83, low=0.78, high=0.88, level=0.95)
SHA = "5" * 64


def report(*, name: str = "hat") -> pb.Evaluation:
    """A report; `name` is the label that stands everywhere."""
    found = pb.Evaluation(
        model_version="projects/default/models/wardrobe/versions/2",
        method="cross-validation",
        evaluated_count=40,
        interval_method="Every picture was held out once.",
        unknown_rate=0.04,
        per_class=[_class(name, 0.86), _class("shoe", 0.55)],
        detection=pb.DetectionEvaluation(map50=MAP50, map50_95=0.52, outlook="More help."),
    )
    detection = found.detection
    detection.errors.add(
        label=name, hit=60, duplicate=1, wrong_place=8, wrong_class=3, background=8, missed=10
    )
    detection.errors.add(label="shoe", hit=20, wrong_place=2, background=6, missed=10)
    detection.bands.add(name="small", thing_count=12, map50=0.31)
    detection.bands.add(name="medium", thing_count=40, map50=0.74)
    detection.bands.add(name="large")
    detection.counts.add(
        label=name, mean_absolute_error=0.4, bias=-0.3, exact_share=0.75, picture_count=40
    )
    for count, score in ((10.0, 0.6), (20.0, 0.7)):
        detection.measured.add(examples_per_class=count, accuracy=_interval(score))
    detection.forecast.add(examples_per_class=40.0, accuracy=_interval(0.8))
    detection.pictures.append(_picture(name))
    return found


def _picture(name: str) -> pb.DetectedPicture:
    picture = pb.DetectedPicture(path="in/1.jpg", sha256=SHA, width=640, height=480)
    boxes = (
        ("found", (10, 20, 100, 50), 0.0),
        ("missed", (300, 20, 100, 50), 0.0),
        ("hit", (12, 22, 98, 50), 0.93),
        ("background", (500, 300, 140, 180), 0.62),
    )
    for kind, (left, top, width, height), score in boxes:
        box = box_pb2.Box(left=left, top=top, width=width, height=height)
        picture.boxes.add(label=name, kind=kind, score=score, box=box)
    return picture


def _class(label: str, recall: float) -> pb.ClassEvaluation:
    return pb.ClassEvaluation(
        label=label,
        example_count=30,
        recall=_interval(recall),
        precision=_interval(0.8),
        threshold=0.41,
        average_precision=recall - 0.02,
    )


def _interval(share: float) -> pb.Interval:
    return pb.Interval(estimate=share, low=share - 0.1, high=min(1.0, share + 0.1), level=0.95)
