"""The report of a detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graft.detection.scene import Answer, Scene
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.detection import training
from services.trainer.detection.evaluation import evaluate
from services.trainer.detection.training import Trained
from services.trainer.detection.unknown import fit_known
from services.trainer.evaluate.proto import Source
from tests.support import blobs

COUNT = 12


def trained(*, wrong: int = 0, missed: int = 0) -> Trained:
    """All found, but for things answered in the wrong place and things that were missed."""
    scenes = []
    for number, truth in enumerate(blobs.truths(COUNT)):
        boxes = truth.boxes.copy()
        if number < wrong:
            boxes[:, :2] += 0.5 * boxes[:, 2:]
        count = 0 if wrong <= number < wrong + missed else len(boxes)
        answer = Answer(boxes[:count], truth.labels[:count], np.full(count, 0.9))
        scenes.append(Scene(truth, answer))
    numbers = np.arange(COUNT)
    return Trained(blobs.detector(), scenes, numbers, numbers % 3, {1.0: 0.5})


def report(made: Trained, alike: np.ndarray | None = None) -> pb.Evaluation:
    sources = [Source(f"{n}.png", f"{n:064x}") for n in range(COUNT)]
    groups = np.arange(COUNT) if alike is None else alike
    return evaluate(made, sources, [(blobs.SIDE, blobs.SIDE)] * COUNT, pb.DataSummary(), 0, groups)


def test_where_all_is_found_all_is_told() -> None:
    found = report(trained())
    detection = found.detection
    assert detection.map50.estimate == pytest.approx(1)
    assert detection.map50_95 == pytest.approx(1)
    assert [one.hit for one in detection.errors] == [6, 6]
    assert [(one.exact_share, one.picture_count) for one in detection.counts] == [(1, 12)] * 2
    assert [one.recall.estimate for one in found.per_class] == [1, 1]
    assert 0.5 < found.per_class[0].recall.low < 1
    assert found.method == "cross-validation"
    assert found.evaluated_count == COUNT
    assert not found.HasField("accuracy")


def test_what_is_flagged_as_unknown_is_told() -> None:
    known = fit_known(training.things(blobs.lesson(COUNT)), seed=0)
    found = report(replace(trained(), known=known))
    assert found.unknown_check.measured_kept_share == pytest.approx(1 - found.unknown_rate)
    assert 0 <= found.unknown_rate < 0.2
    assert "flagged" in found.unknown_check.sentence
    assert not found.unknown_check.HasField("auroc")  # two labels: none can be hidden
    assert not report(trained()).HasField("unknown_check")


def test_what_is_wrong_is_sorted_and_its_pictures_come_first() -> None:
    found = report(trained(wrong=2, missed=1))
    total = [
        sum(getattr(one, name) for one in found.detection.errors)
        for name in ("hit", "wrong_place", "missed")
    ]
    assert total == [9, 2, 3]
    assert 0.5 < found.detection.map50.estimate < 0.95
    assert found.detection.map50.low < found.detection.map50.estimate < found.detection.map50.high
    first = {one.path for one in found.detection.pictures[:3]}
    assert first == {"0.png", "1.png", "2.png"}
    kinds = [box.kind for box in found.detection.pictures[0].boxes]
    assert sorted(kinds) == ["missed", "wrong_place"]
    assert sum(one.thing_count for one in found.detection.bands) == COUNT


def test_pictures_nearly_the_same_count_together() -> None:
    plain, found = report(trained(missed=3)), report(trained(missed=3), np.arange(COUNT) // 3)
    assert found.detection.map50.estimate == plain.detection.map50.estimate
    assert found.detection.map50.low < plain.detection.map50.low - 0.05
    recall, wide = plain.per_class[0].recall, found.per_class[0].recall
    assert wide.estimate == recall.estimate
    assert wide.low < recall.low - 0.05
    assert "Of the pictures 4 differ" in found.interval_method
    assert "differ" not in plain.interval_method


def test_numbers_of_a_fold_are_counted_with_thresholds_chosen_without_it() -> None:
    made = trained()
    low = replace(made.scenes[0].answer, scores=np.array([0.1]))
    scenes = [replace(made.scenes[0], answer=low), *made.scenes[1:]]
    found = report(replace(made, scenes=scenes))
    # Its own threshold would find it; that of the other folds, 0.9, does not.
    assert sum(one.missed for one in found.detection.errors) == 1


def test_without_anything_held_out_nothing_is_claimed() -> None:
    nothing = np.zeros(0, np.int64)
    found = report(Trained(blobs.detector(), [], nothing, nothing, {}))
    assert found.method == "none"
    assert found.HasField("detection")
    assert not found.detection.HasField("map50")
    assert [one.label for one in found.per_class] == list(blobs.LABELS)
