"""What is read of a stored version: its identity, its route, its head."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.errors import DataLoss, NotFound
from graft.names import ModelName, VersionName, parse_servable
from services.common import artifacts, layout
from services.common.heads.blocks import Block, Blocks
from services.common.store import open_store
from services.common.store.base import Store
from services.predictor.served import Servable, read_head, read_servable
from tests.support.predictor import BACKBONE, DIM, WIDE_DIM, linear, publish

PETS = parse_servable("projects/default/models/pets")
FIRST = VersionName.parse("projects/default/models/pets/versions/1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path), {})


def read(store: Store, known: Servable | None = None) -> Servable:
    return read_servable(store, PETS, known)


def rewrite(store: Store, old: str, new: str) -> None:
    key = layout.manifest(FIRST)
    text = store.get(key).decode()
    assert old in text
    store.put(key, text.replace(old, new).encode())


def test_a_servable_tells_version_backbone_and_size(store: Store) -> None:
    head = linear(("cat", "dog"), blocks=Blocks((Block(WIDE_DIM), Block(DIM))))
    publish(store, "pets", head, endpoints=("wide", "cut"))
    found = read(store)
    assert found.text == str(FIRST)
    (leg,) = found.route.legs
    assert leg.backbone == f"{BACKBONE.name}@{BACKBONE.digest}"
    assert (leg.endpoints, leg.kind) == (("wide", "cut"), "")
    assert found.route.dim == WIDE_DIM + DIM
    assert head.nbytes < found.size_bytes < head.nbytes + 10_000
    assert read_head(store, found).labels == ("cat", "dog")


def test_what_is_known_already_is_answered_itself(store: Store) -> None:
    publish(store, "pets", linear(("cat", "dog")))
    found = read(store)
    assert read(store, found) is found


def test_a_model_trained_anew_has_another_identity(store: Store) -> None:
    publish(store, "pets", linear(("cat", "dog")))
    before = read(store)
    artifacts.delete_model(store, ModelName("default", "pets"))
    publish(store, "pets", linear(("cat", "dog"), seed=1))
    after = read(store, before)
    assert (after.text, after.revision == before.revision) == (before.text, False)


def test_what_is_missing_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="aliases/live"):
        read(store)
    publish(store, "pets", linear(("cat", "dog")))
    store.delete(layout.manifest(FIRST))
    with pytest.raises(NotFound, match="versions/1"):
        read(store)


def test_arrays_of_another_length_than_the_manifest_says_are_damage(store: Store) -> None:
    publish(store, "pets", linear(("cat", "dog")))
    rewrite(store, f'"{DIM}"', '"3"')
    with pytest.raises(DataLoss, match="not the head of its manifest"):
        read_head(store, read(store))


def test_arrays_larger_than_the_manifest_says_are_damage(store: Store) -> None:
    head = linear(("cat", "dog"))
    publish(store, "pets", head)
    rewrite(store, f'"size_bytes": "{head.nbytes}"', '"size_bytes": "5"')
    with pytest.raises(DataLoss, match="not the head of its manifest"):
        read_head(store, read(store))


def test_a_manifest_without_a_backbone_is_damage(store: Store) -> None:
    publish(store, "pets", linear(("cat", "dog")))
    rewrite(store, BACKBONE.digest, "abc")
    with pytest.raises(DataLoss, match="names no backbone"):
        read(store)


@pytest.mark.parametrize(("old", "new"), [('"endpoints"', '"others"'), (f'"{DIM}"', '"8", "8"')])
def test_a_manifest_whose_endpoints_and_lengths_do_not_match_is_damage(
    store: Store, old: str, new: str
) -> None:
    publish(store, "pets", linear(("cat", "dog")))
    rewrite(store, old, new)
    with pytest.raises(DataLoss, match="names no endpoints with their lengths"):
        read(store)
