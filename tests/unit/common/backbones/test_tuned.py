"""Tuned tails in the catalogue: they name their trunk and go with their model version."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.embedder.v1 import backbone_pb2
from graft.names import BackboneName, VersionName
from services.common import layout
from services.common.backbones import catalogue, record, tuned
from services.common.backbones.catalogue import Cache
from services.common.store.base import Store
from services.common.store.file import FileStore
from tests.support.catalogue import enter

VERSION = VersionName.parse("projects/default/models/pets/versions/3")
SHAPES = {"map": (2, 2, 8), "default": (6,)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FileStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tail"
    (made / "variables").mkdir(parents=True)
    (made / "saved_model.pb").write_bytes(b"graph")
    (made / "variables" / "v").write_bytes(b"weights")
    return made


def stored(store: Store, folder: Path, version: VersionName = VERSION) -> backbone_pb2.Backbone:
    trunk = enter(store, "tiny")
    return tuned.store_tail(store, version, trunk, cut=["map"], shapes=SHAPES, folder=folder)


def test_a_tail_is_a_backbone_that_names_its_trunk(store: Store, folder: Path) -> None:
    backbone = stored(store, folder)
    trunk = catalogue.find(store, BackboneName("tiny"))
    found = catalogue.find(store, record.name_of(backbone))
    assert found == backbone
    assert found.trunk == f"backbones/tiny@{trunk.digest}"
    assert list(found.cut) == ["map"]
    assert found.preprocessing == trunk.preprocessing
    assert {e.name: e.dim for e in found.endpoints} == {"default": 6, "map": 8}


def test_its_files_come_back_whole(store: Store, folder: Path, tmp_path: Path) -> None:
    copy = Cache(tmp_path / "cache", store).fetch(stored(store, folder))
    assert (copy / "variables" / "v").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("field", "value"), [("trunk", f"backbones/tiny@{'0' * 64}"), ("cut", ["other"])]
)
def test_trunk_and_cut_are_part_of_its_identity(
    store: Store, folder: Path, field: str, value: object
) -> None:
    backbone = stored(store, folder)
    changed = backbone_pb2.Backbone()
    changed.CopyFrom(backbone)
    changed.ClearField(field)
    changed.MergeFrom(backbone_pb2.Backbone(**{field: value}))  # type: ignore[arg-type]
    assert record.digest_of(changed) != backbone.digest


def test_a_backbone_without_a_trunk_keeps_the_digest_that_it_had(store: Store) -> None:
    plain = enter(store, "tiny")
    with_cut = backbone_pb2.Backbone()
    with_cut.CopyFrom(plain)
    with_cut.cut.append("map")
    assert record.digest_of(with_cut) == plain.digest


def test_the_name_of_a_tail_is_that_of_its_version_alone() -> None:
    longest = VersionName.parse(f"projects/{'p' * 63}/models/{'m' * 63}/versions/123456")
    names = {
        tuned.name_for(version)
        for version in (
            VERSION,
            VersionName(VERSION.model, 4),
            VersionName.parse("projects/other/models/pets/versions/3"),
            longest,
            VersionName.parse(f"projects/{'p' * 63}/models/{'m' * 62}n/versions/123456"),
        )
    }
    assert len(names) == 5
    assert all(BackboneName.parse(f"backbones/{name}").backbone == name for name in names)
    assert tuned.name_for(VERSION).startswith("pets-3-")


def test_deleting_a_version_leaves_nothing_of_its_tail(store: Store, folder: Path) -> None:
    first = stored(store, folder)
    (folder / "variables" / "v").write_bytes(b"others")
    second = stored(store, folder)
    (folder / "variables" / "v").write_bytes(b"of another version")
    kept = stored(store, folder, VersionName(VERSION.model, 4))
    assert first.digest != second.digest
    table = layout.embedding_table("default", second.digest, "default")
    store.put(f"{table}/part", b"vectors")
    tuned.discard(store, VERSION)
    left = [info.key for info in store.list("")]
    assert not [key for key in left if tuned.name_for(VERSION) in key or second.digest in key]
    assert catalogue.find(store, record.name_of(kept)) == kept
    tuned.discard(store, VERSION)  # nothing is left to remove
