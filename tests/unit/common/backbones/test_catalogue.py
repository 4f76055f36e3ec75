"""The catalogue and the cache of files on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss, NotFound
from graft.names import BackboneName
from services.common import layout
from services.common.backbones import catalogue, record
from services.common.backbones.catalogue import Cache
from services.common.store import open_store
from services.common.store.base import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"file://{tmp_path / 'store'}", {}) as opened:
        yield opened


@pytest.fixture
def cache(tmp_path: Path, store: Store) -> Cache:
    return Cache(tmp_path / "cache", store)


def stored(store: Store, tmp_path: Path, name: str = "tiny", content: bytes = b"weights") -> (
    backbone_pb2.Backbone
):  # fmt: skip
    """A backbone of two files that no engine would load: the catalogue does not look inside."""
    folder = tmp_path / "made"
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "v").write_bytes(content)
    backbone = backbone_pb2.Backbone(
        name=f"backbones/{name}",
        files=[
            record.file_of(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()
        ],
        endpoints=record.endpoints_of({"default": (4,)}),
    )
    backbone.digest = record.digest_of(backbone)
    backbone.import_time.GetCurrentTime()
    prefix = layout.backbone_prefix(record.name_of(backbone))
    for file in backbone.files:
        store.put_file(f"{prefix}saved_model/{file.path}", folder / file.path)
    store.put(f"{prefix}backbone.json", record.to_json(backbone))
    return backbone


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_not_there_is_not_found_and_the_text_says_what_to_do(store: Store) -> None:
    for name in (BackboneName("tiny"), BackboneName("tiny", "0" * 64)):
        with pytest.raises(NotFound, match="graft backbones import") as caught:
            catalogue.find(store, name)
        assert str(name) in str(caught.value)


def test_names_are_listed_in_order(store: Store, tmp_path: Path) -> None:
    for name in ("b", "a"):
        stored(store, tmp_path, name)
    assert catalogue.names(store) == ["a", "b"]


def test_files_are_fetched_once(store: Store, tmp_path: Path, cache: Cache) -> None:
    backbone = stored(store, tmp_path)
    folder = cache.fetch(backbone)
    assert contents(folder) == {"saved_model.pb": b"graph", "variables/v": b"weights"}
    store.delete_prefix("backbones/")
    assert cache.fetch(backbone) == folder


@pytest.mark.parametrize("damage", ["changed", "deleted", "longer", "no folder"])
def test_a_damaged_copy_is_deleted_and_fetched_again(
    store: Store, tmp_path: Path, cache: Cache, damage: str
) -> None:
    backbone = stored(store, tmp_path)
    path = cache.fetch(backbone) / "variables" / "v"
    if damage == "changed":
        path.write_bytes(b"WEIGHTS")
    elif damage == "longer":
        path.write_bytes(b"weights and more")
    else:
        path.unlink()
        if damage == "no folder":
            path.parent.rmdir()
    assert contents(cache.fetch(backbone))["variables/v"] == b"weights"


def test_a_damaged_stored_file_is_data_loss_naming_it_and_leaves_no_copy(
    store: Store, tmp_path: Path, cache: Cache
) -> None:
    backbone = stored(store, tmp_path)
    key = f"{layout.backbone_prefix(record.name_of(backbone))}saved_model/variables/v"
    store.put(key, b"WEIGHTS")
    with pytest.raises(DataLoss, match="does not match its digest") as caught:
        cache.fetch(backbone)
    assert caught.value.metadata == {"key": key}
    store.delete(key)
    with pytest.raises(DataLoss, match="is missing") as caught:
        cache.fetch(backbone)
    assert caught.value.metadata == {"key": key}
    assert contents(tmp_path / "cache") == {}


def test_an_unreadable_record_is_data_loss(store: Store, tmp_path: Path) -> None:
    backbone = stored(store, tmp_path)
    store.put(f"{layout.backbone_prefix(record.name_of(backbone))}backbone.json", b"{}")
    with pytest.raises(DataLoss):
        catalogue.find(store, BackboneName("tiny"))


def test_the_cache_keeps_so_many_and_no_more(
    store: Store, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "MAX_CACHED", 3)
    backbones = [stored(store, tmp_path, content=b"%d" % n) for n in range(5)]
    folders = [cache.fetch(backbone) for backbone in backbones]
    kept = list((tmp_path / "cache" / "backbones").iterdir())
    assert len(kept) == 3
    assert folders[-1] in kept


def test_what_was_fetched_last_is_kept_however_old_its_copy_is(
    store: Store, tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "MAX_CACHED", 2)
    tail, other, trunk = (stored(store, tmp_path, content=b"%d" % n) for n in range(3))
    folders = [cache.fetch(backbone) for backbone in (tail, other)]
    for age, folder in zip((200, 100), folders, strict=True):
        os.utime(folder, (time.time() - age,) * 2)
    cache.fetch(tail)
    kept = {cache.fetch(trunk), folders[0]}
    assert set((tmp_path / "cache" / "backbones").iterdir()) == kept
