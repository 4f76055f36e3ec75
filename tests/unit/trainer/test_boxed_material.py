"""Pictures with boxes as a job takes them, and what cannot be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.errors import FailedPrecondition
from graft.model.v1 import model_pb2
from graft.names import DatasetName
from graft.trainer.v1 import dataset_service_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import open_store
from services.trainer.data.split import stratified_folds
from services.trainer.material import Material, gather
from tests.support.copies import copies, jpeg, scene
from tests.support.datasets import bring_examples
from tests.support.imports import box, boxed, example, image

NAME = DatasetName("p", "d")
CAT, DOG = box("cat", 10, 10, 20, 12), box("dog", 5, 5, 9, 9)
CROWD = box("cow", 0, 0, 9, 9, crowd=True)


def gathered(
    tmp_path: Path,
    *examples: dataset_service_pb2.Example,
    task: model_pb2.Task = model_pb2.TASK_UNSPECIFIED,
) -> Material:
    with open_store(str(tmp_path), {}) as store:
        bring_examples(store, NAME, examples)
        return gather(store, pb.TrainingSpec(dataset=str(NAME), dataset_version=1, task=task))


def test_things_are_told_by_label_and_place(tmp_path: Path) -> None:
    one, two, none = (image(seed) for seed in (1, 2, 3))
    found = gathered(
        tmp_path,
        boxed("a", one, CAT, DOG, box("cat", 0, 0, 9, 9, crowd=True), CROWD),
        boxed("b", two, DOG),
        boxed("c", none),
    )
    assert found.labels == ("cat", "dog")
    assert (found.boxed, found.multi_label) == (True, False)
    told = dict(zip(found.paths, found.things, strict=True))
    assert told["a"].labels.tolist() == [0, 0, 1]
    assert told["a"].boxes.tolist() == [[0, 0, 9, 9], [10, 10, 20, 12], [5, 5, 9, 9]]
    assert told["a"].crowd.tolist() == [True, False, False]
    assert told["c"].boxes.shape == (0, 4)
    borne = dict(zip(found.paths, found.targets.tolist(), strict=True))
    assert borne == {"a": [True, True], "b": [False, True], "c": [False, False]}


def test_folds_keep_copies_together_and_spread_labels(tmp_path: Path) -> None:
    some = [boxed(f"{n}", jpeg(scene(n)), (CAT, DOG)[n % 2]) for n in range(10)]
    alike = [boxed(how, data, CAT) for how, data in copies(scene(4)).items()]
    found = gathered(tmp_path, *some, *alike)
    assert found.truth is found.targets
    plan = stratified_folds(found.targets, found.groups, folds=2)
    where = {path: n for n, path in enumerate(found.paths)}
    together = {where["4"], *(where[one.path] for one in alike)}
    for fold in plan.folds:
        assert together <= set(fold.test.tolist()) or not together & set(fold.test.tolist())
        assert np.all(found.targets[fold.train].any(axis=0))


def test_a_label_that_is_boxed_in_copies_of_one_picture_alone_is_told(tmp_path: Path) -> None:
    some = [boxed(f"{n}", jpeg(scene(n)), CAT) for n in range(6)]
    alike = [boxed(how, data, DOG) for how, data in copies(scene(8)).items()]
    with open_store(str(tmp_path), {}) as store:
        bring_examples(store, NAME, [*some, *alike])
        found = gather(store, pb.TrainingSpec(dataset=str(NAME), dataset_version=1))
        told = [text for text in found.summary().warnings if "look like copies" in text]
    assert len(told) == 1
    assert told[0].startswith(f"all {len(alike)} examples of dog look like copies of one")


def refused(
    tmp_path: Path, examples: Sequence[dataset_service_pb2.Example], task: model_pb2.Task
) -> str:
    with pytest.raises(FailedPrecondition) as caught:
        gathered(tmp_path, *examples, task=task)
    assert caught.value.reason == "DATASET_UNTRAINABLE"
    return caught.value.message


def test_pictures_without_a_box_train_no_detector(tmp_path: Path) -> None:
    plain = [boxed("a", image(1)), boxed("b", image(2))]
    why = refused(tmp_path / "plain", plain, model_pb2.TASK_DETECTION)
    assert "a detector learns from boxes, and no usable example has one" in why
    assert "Received: 0 usable examples (2 rejected, 0" in why
    labelled = [example(1, "cat"), example(2, "dog")]
    why = refused(tmp_path / "labelled", labelled, model_pb2.TASK_DETECTION)
    assert "Received: 2 usable examples" in why


def test_crowds_alone_train_no_detector(tmp_path: Path) -> None:
    why = refused(tmp_path, [boxed("a", image(1), CROWD)], model_pb2.TASK_UNSPECIFIED)
    assert "no usable example has one around a single thing" in why


def test_boxes_are_no_labels_of_pictures(tmp_path: Path) -> None:
    some = [boxed("a", image(1), CAT), boxed("b", image(2), DOG)]
    why = refused(tmp_path, some, model_pb2.TASK_CLASSIFICATION)
    assert "its examples have boxes, so that the task is TASK_DETECTION" in why
