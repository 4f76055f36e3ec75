"""The examples of a job where they are images with texts: as a whole, and part by part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from graft.common.v1 import content_pb2
from graft.embedder.v1 import backbone_pb2
from graft.names import DatasetName
from graft.trainer.v1 import dataset_service_pb2 as ds
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.store import open_store
from services.trainer.data.rows import IMAGE, TEXT
from services.trainer.material import Material, gather
from tests.support.copies import copies, jpeg, scene
from tests.support.datasets import bring_examples

NAME = DatasetName("p", "d")
SPEC = pb.TrainingSpec(dataset=str(NAME), dataset_version=1)
COPY = copies(scene(1))["mirrored"]
ITEMS: list[tuple[str, bytes | None, str | None]] = [
    ("a", jpeg(scene(1)), "a red door"),
    ("a", COPY, "A red door!"),
    ("b", COPY, "the sea at night"),
    ("b", jpeg(scene(2)), None),
    ("c", None, "how are you?"),
    ("b", jpeg(scene(3)), "a red door"),
]


def example(number: int, label: str, image: bytes | None, text: str | None) -> ds.Example:
    content = content_pb2.Content(image=image, text=text)
    return ds.Example(path=str(number), labels=[label], content=content)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Material]:
    with open_store(str(tmp_path_factory.mktemp("joint")), {}) as store:
        bring_examples(store, NAME, [example(n, *item) for n, item in enumerate(ITEMS)])
        yield gather(store, SPEC)


def test_a_whole_has_both_parts_and_either_may_be_missing(material: Material) -> None:
    assert (material.joint, material.parts) == (True, (IMAGE, TEXT))
    assert material.modality == backbone_pb2.MODALITY_IMAGE_AND_TEXT
    assert sorted(material.paths[n] for n in material.having(IMAGE)) == ["0", "1", "2", "3", "5"]
    for part, at in ((IMAGE, 1), (TEXT, 2)):
        having = material.having(part).tolist()
        known = [ITEMS[int(material.paths[n])][at] for n in having]
        data = [one.encode() if isinstance(one, str) else one for one in known]
        assert material.contents(part, having) == data


def test_examples_nearly_the_same_in_both_parts_are_one_group(material: Material) -> None:
    group = dict(zip(material.paths, material.groups.tolist(), strict=True))
    assert group["0"] == group["1"]
    assert len(set(group.values())) == len(ITEMS) - 1


def test_one_part_is_material_of_its_own(material: Material) -> None:
    texts = material.only(TEXT)
    assert (texts.joint, texts.parts, texts.modality) == (
        False,
        (TEXT,),
        backbone_pb2.MODALITY_TEXT,
    )
    assert sorted(texts.paths) == ["0", "1", "2", "4", "5"]
    assert texts.labels == ("a", "b", "c")
    assert material.only(IMAGE).labels == ("a", "b")
    assert texts.keys == [row.parts[TEXT].key for row in texts.rows]
    assert not len(texts.having(IMAGE))
    group = dict(zip(texts.paths, texts.groups.tolist(), strict=True))
    assert group["0"] == group["1"] == group["5"] != group["2"]


def test_a_bank_of_both_has_zeros_where_a_part_is_missing(material: Material) -> None:
    rng = np.random.default_rng(0)
    seen = {
        part: {
            name: rng.normal(size=(len(material.having(part)), dim)).astype(np.float16)
            for name, dim in (("early", 2), ("default", 3))
        }
        for part in material.parts
    }
    bank = material.joint_bank(seen)
    assert bank.joint
    assert list(bank.vectors) == ["image:early", "image:default", "text:early", "text:default"]
    for part in material.parts:
        found = bank.vectors[f"{part}:default"]
        np.testing.assert_array_equal(found[material.having(part)], seen[part]["default"])
        lacking = np.setdiff1d(np.arange(len(ITEMS)), material.having(part))
        assert len(lacking) == 1
        assert not found[lacking].any()


def test_what_is_shown_is_the_picture_the_text_or_both(material: Material) -> None:
    shown = material.glimpses(dict.fromkeys((key.hex() for key in material.keys), 112))
    found = {row.path: shown[row.key.hex()] for row in material.rows}
    assert isinstance(found["3"], bytes)
    assert found["4"] == "how are you?"
    both = found["2"]
    assert isinstance(both, tuple)
    assert both[0].startswith(b"\xff\xd8")
    assert both[1] == "the sea at night"
