"""Distilling end to end: a teacher of the catalogue, a folder of pictures, a backbone made of them.

Time is up from the start: what has to be done is done all the same, one step of learning.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, NotFound
from graft.names import BackboneName
from services.common import layout
from services.common.backbones import catalogue, record
from services.common.store import open_store
from services.common.store.base import Store
from services.embedder.backbones.importer import import_backbone
from services.embedder.distill.__main__ import main
from services.embedder.distill.distillation import Distillation, image_files
from services.embedder.distill.pictures import MIN_PICTURES
from services.networks.module import load_module
from tests.support.pupils import sources
from tests.support.savedmodel import THREADS, save

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KEPT = 20
ENDPOINTS = ["default", "stride16", "stride32", "stride4", "stride8"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"file://{tmp_path / 'store'}", {}) as opened:
        import_backbone(opened, str(save(tmp_path / "tiny")), name="tiny")
        yield opened


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number, source in enumerate(sources(MIN_PICTURES + KEPT)):
        path = tmp_path / "images" / str(number % 3) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.content)
    return tmp_path / "images"


def distil(store: Store, work: Path, images: Path, teacher: str = "tiny") -> object:
    distillation = Distillation(store, work, threads=THREADS)
    return distillation.run(
        teacher, images, "mine", until=time.monotonic(), say=lambda what, share: None
    )


def test_a_backbone_is_made_by_the_run_that_goes_on_where_the_first_one_stopped(
    store: Store, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    work = tmp_path / "work"
    with pytest.raises(DeadlineExceeded, match="goes on from here"):
        distil(store, work, images)
    monkeypatch.setenv("GRAFT_STORE", f"file://{tmp_path / 'store'}")
    asked = ["tiny", f"--images={images}", "--name=mine", "--seconds=0", f"--work={work}"]
    assert main(asked) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["check"]["pictures"] == KEPT
    assert 0.0 <= told["check"]["student"] <= 1.0
    assert float(printed.err.split()[0]) >= 0.0
    made = catalogue.find(store, BackboneName("mine"))
    assert made.digest == told["backbone"]["digest"]
    assert sorted(endpoint.name for endpoint in made.endpoints) == ENDPOINTS
    assert made.description.startswith("distilled from backbones/tiny")
    assert not work.exists()
    folder = catalogue.Cache(tmp_path / "cache", store).fetch(made)
    assert load_module(folder).endpoint_shapes(64, 64)["default"] == (384,)


def test_what_cannot_be_distilled_is_told(
    store: Store, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with pytest.raises(NotFound, match="nobody"):
        distil(store, tmp_path / "work", images, "nobody")
    with pytest.raises(InvalidArgument, match="--images takes a folder"):
        distil(store, tmp_path / "work", images / "nowhere")
    with pytest.raises(InvalidArgument, match=f"at least {MIN_PICTURES} pictures"):
        distil(store, tmp_path / "work", images / "0")
    monkeypatch.setenv("GRAFT_STORE", f"file://{tmp_path / 'store'}")
    asked = ["tiny", f"--images={images}", "--name=a/b", "--seconds=1", f"--work={tmp_path}"]
    assert main(asked) == 1
    assert "INVALID" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [{"modality": backbone_pb2.MODALITY_TEXT}, {"trunk": f"backbones/other@{'0' * 64}"}],
)
def test_what_reads_no_images_or_is_tuned_for_a_model_teaches_nobody(
    store: Store, images: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    changed = catalogue.find(store, BackboneName("tiny"))
    changed.MergeFrom(backbone_pb2.Backbone(name="backbones/unfit", **changes))
    changed.digest = record.digest_of(changed)
    key = layout.backbone_prefix(record.name_of(changed)) + record.RECORD
    store.put(key, record.to_json(changed))
    with pytest.raises(FailedPrecondition, match="backbones/unfit"):
        distil(store, tmp_path / "work", images, "unfit")


def test_hidden_files_and_other_files_are_no_pictures(tmp_path: Path) -> None:
    for name in ("a.jpg", "deep/b.PNG", ".hidden/c.jpg", "notes.txt", "d.jpg/e.jpeg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = [str(path.relative_to(tmp_path)) for path in image_files(tmp_path)]
    assert found == ["a.jpg", "d.jpg/e.jpeg", "deep/b.PNG"]
