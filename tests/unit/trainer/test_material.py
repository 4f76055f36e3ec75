"""The examples of a job: in one order, in groups of near-duplicates, as a search takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, Internal, NotFound
from graft.names import DatasetName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import Store, open_store
from services.trainer.data.rows import IMAGE
from services.trainer.material import Material, gather
from services.trainer.search.cuts import DEFAULT
from tests.support.copies import copies, jpeg, scene
from tests.support.datasets import Files, bring

NAME = DatasetName("p", "d")
SPEC = pb.TrainingSpec(dataset=str(NAME), dataset_version=1)
SCENES: Files = [("ab"[n % 2], f"{n}.jpg", jpeg(scene(n))) for n in range(40)]
COPIES: Files = [("b", f"{how}.jpg", data) for how, data in copies(scene(4)).items()]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(str(tmp_path_factory.mktemp("material")), {}) as opened:
        bring(opened, NAME, [*SCENES, *COPIES])
        yield opened


@pytest.fixture(scope="module")
def material(store: Store) -> Material:
    return gather(store, SPEC)


def test_examples_are_ordered_by_label_and_content_whatever_the_order_of_import(
    material: Material, tmp_path: Path
) -> None:
    with open_store(str(tmp_path), {}) as other:
        bring(other, NAME, [*COPIES, *SCENES][::-1])
        again = gather(other, SPEC)
    assert again.keys == material.keys
    assert np.array_equal(again.y, material.y)
    assert np.array_equal(again.groups, material.groups)
    assert material.keys[:20] == sorted(material.keys[:20])


def test_everything_speaks_of_the_same_example(material: Material) -> None:
    known = {path: (label, data) for label, path, data in [*SCENES, *COPIES]}
    assert material.labels == ("a", "b")
    assert sorted(material.paths) == sorted(known)
    for at, data in enumerate(material.contents(IMAGE, range(len(material.rows)))):
        assert known[material.paths[at]] == (material.labels[material.y[at]], data)
    assert [one.sha256 for one in material.sources()] == [key.hex() for key in material.keys]


def test_near_duplicates_are_one_group_also_across_labels(material: Material) -> None:
    group = dict(zip(material.paths, material.groups.tolist(), strict=True))
    copied = {group[path] for _, path, _ in COPIES}
    assert copied == {group["4.jpg"]}
    alone = [group[path] for _, path, _ in SCENES]
    assert len(set(alone)) == len(SCENES)


def test_a_label_of_copies_alone_is_taken_apart_and_told(tmp_path: Path) -> None:
    files: Files = [("b", path, data) for _, path, data in SCENES[:4]]
    alike: Files = [("a", how, data) for how, data in list(copies(scene(9)).items())[:4]]
    with open_store(str(tmp_path), {}) as store:
        bring(store, NAME, [*files, *alike])
        found = gather(store, SPEC)
        assert len(set(found.alike[found.y == 0])) == 1
        assert len(set(found.groups[found.y == 0])) == 4
        assert np.array_equal(found.alike[found.y == 1], found.groups[found.y == 1])
        told = [text for text in found.summary().warnings if "look like copies" in text]
    assert len(told) == 1
    assert told[0].startswith("all 4 examples of a look like copies of one")


def test_good_examples_get_no_warning_of_copies(material: Material) -> None:
    assert not material.summary().warnings


def test_a_bank_of_some_rows_keeps_their_groups_and_classes(material: Material) -> None:
    rows = np.arange(0, len(material.rows), 2)
    vectors = np.random.default_rng(0).normal(size=(len(rows), 4)).astype(np.float16)
    views = {"flip": {DEFAULT: -vectors}}
    bank = material.bank({DEFAULT: vectors}, views, rows)
    assert np.array_equal(bank.y, material.y[rows])
    assert np.array_equal(bank.groups, material.groups[rows])
    assert np.array_equal(bank.views["flip"][DEFAULT], -vectors)


def test_an_endpoint_that_repeats_the_last_layer_is_left_out(material: Material) -> None:
    n, rng = len(material.rows), np.random.default_rng(0)
    vectors = rng.normal(size=(n, 4)).astype(np.float16)
    longer = (vectors.astype(np.float32) * rng.uniform(1, 9, (n, 1))).astype(np.float16)
    other = vectors + rng.normal(0, 0.1, vectors.shape).astype(np.float16)
    seen = {"early": vectors[:, :2], "other": other, "final": longer, DEFAULT: vectors}
    bank = material.bank(seen, {"flip": seen}, np.arange(n))
    assert list(bank.vectors) == list(bank.views["flip"]) == ["early", "other", DEFAULT]


def test_thumbnails_are_made_of_what_is_shown_alone(material: Material) -> None:
    shown = {material.keys[3].hex(): 40, "f" * 64: 112}
    (picture,) = material.glimpses(shown).items()
    assert picture[0] == material.keys[3].hex()
    assert isinstance(picture[1], bytes)
    assert picture[1].startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("files", "words"),
    [(SCENES[:1], "1 usable examples of only the class 'a'"), ([], "0 usable examples of no")],
)
def test_one_class_is_refused_before_anything_is_embedded(
    tmp_path: Path, files: Files, words: str
) -> None:
    with open_store(str(tmp_path), {}) as store:
        bring(store, NAME, files)
        with pytest.raises(FailedPrecondition, match=words) as caught:
            gather(store, SPEC)
    assert caught.value.reason == "DATASET_UNTRAINABLE"


def test_a_data_set_that_is_gone_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        gather(store, pb.TrainingSpec(dataset="projects/p/datasets/gone"))


def test_with_several_labels_there_are_targets_and_no_classes(tmp_path: Path) -> None:
    with open_store(str(tmp_path), {}) as store:
        bring(store, NAME, [("a|b", "1", SCENES[0][2]), ("", "2", SCENES[1][2])])
        found = gather(store, SPEC)
    assert (found.labels, found.multi_label) == (("a", "b"), True)
    assert found.paths == ["2", "1"]
    assert found.targets.tolist() == [[False, False], [True, True]]
    with pytest.raises(Internal, match="take `targets`"):
        _ = found.y


def test_targets_of_one_label_each_say_the_same_as_the_classes(material: Material) -> None:
    assert not material.multi_label
    assert np.array_equal(material.targets.argmax(1), material.y)
    assert np.array_equal(material.targets.sum(1), np.ones(len(material.rows)))


def test_texts_that_differ_by_little_are_one_group_and_are_shown_shortened(tmp_path: Path) -> None:
    files: Files = [
        ("a", "1", "Where is my card?"),
        ("a", "2", "where is my card"),
        ("b", "3", "cancel it " * 100),
    ]
    with open_store(str(tmp_path), {}) as store:
        bring(store, NAME, files)
        found = gather(store, SPEC)
        group = dict(zip(found.paths, found.groups.tolist(), strict=True))
        shown = found.glimpses({key.hex(): 112 for key in found.keys})
    assert found.modality == backbone_pb2.MODALITY_TEXT
    assert found.summary().modality == backbone_pb2.MODALITY_TEXT
    assert group["1"] == group["2"] != group["3"]
    assert set(shown.values()) == {files[0][2], files[1][2], ("cancel it " * 20)[:-1] + "..."}


@pytest.mark.parametrize(
    ("labels", "task", "other"),
    [
        ("a|b", "TASK_MULTI_LABEL", "TASK_CLASSIFICATION"),
        ("b", "TASK_CLASSIFICATION", "TASK_MULTI_LABEL"),
    ],
)
def test_a_task_that_is_not_that_of_the_labels_is_refused(
    tmp_path: Path, labels: str, task: str, other: str
) -> None:
    files: Files = [(labels, "1", "one"), ("a", "2", "two")]
    with open_store(str(tmp_path), {}) as store:
        bring(store, NAME, files)
        for fitting in ("TASK_UNSPECIFIED", task):
            spec = pb.TrainingSpec(dataset=str(NAME), dataset_version=1, task=fitting)
            assert gather(store, spec).labels == ("a", "b")
        spec = pb.TrainingSpec(dataset=str(NAME), dataset_version=1, task=other)
        with pytest.raises(FailedPrecondition, match=f"the task is {task}; .* Received: {other}"):
            gather(store, spec)
