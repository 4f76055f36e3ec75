"""Importing networks of texts: one module, two that belong together, a sentence encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from services.common.backbones import catalogue
from services.common.backbones.catalogue import Cache
from services.common.store import open_store
from services.common.store.base import Store
from services.embedder.backbones.importer import Wishes, import_backbone
from services.embedder.engines.base import EngineOptions
from services.embedder.loading import Loader
from tests.support.text_modules import TOKENS, save_pair, save_vectors, vector_of, write_encoder

pytestmark = pytest.mark.timeout(300)  # networks are built in processes that import TensorFlow

ASKED = np.array([b"abc", b"", b"f" * 20, "é".encode()], object)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"file://{tmp_path / 'store'}", {}) as opened:
        yield opened


def run(
    store: Store, backbone: backbone_pb2.Backbone, folder: Path, *endpoints: str, maps: bool = False
) -> dict[str, np.ndarray]:
    """Fetched from the store and run, as the embedder does."""
    engine = Loader(store, Cache(folder / "cache", store), EngineOptions()).load(backbone, maps)
    return dict(engine.run(ASKED, endpoints))


def test_a_single_module_is_known_by_what_it_takes(store: Store, tmp_path: Path) -> None:
    backbone = import_backbone(store, str(save_vectors(tmp_path / "m")), name="letters")
    assert backbone.modality == backbone_pb2.MODALITY_TEXT
    assert (backbone.preprocessing, list(backbone.input_size)) == ("text", [])
    assert [(each.name, list(each.shape)) for each in backbone.endpoints] == [("default", [6])]
    found = run(store, backbone, tmp_path, "default")["default"]
    assert np.array_equal(found, np.stack([vector_of(text.decode()) for text in ASKED]))


def test_a_preprocessor_and_its_encoder_become_one(store: Store, tmp_path: Path) -> None:
    preprocessor, encoder = save_pair(tmp_path / "pair")
    wishes = Wishes(preprocessor=str(preprocessor))
    backbone = import_backbone(store, str(encoder), name="pair", wishes=wishes)
    assert backbone.preprocessing == f"text|pieces({TOKENS})"
    shapes = {each.name: list(each.shape) for each in backbone.endpoints}
    assert shapes == {"default": [2], "layer1": [TOKENS, 2], "layer2": [TOKENS, 2]}
    found = run(store, backbone, tmp_path, "default", "layer1", "layer2")
    codes = [[ord(c) for c in text.decode()][:TOKENS] for text in ASKED]
    for row, of_text in enumerate(codes):
        numbers = np.outer(of_text, [1.0, 2.0]).reshape(-1, 2)
        assert np.allclose(found["default"][row], numbers.sum(axis=0))
        for layer in (1, 2):
            mean = (layer * numbers + 1).mean(axis=0) if of_text else np.zeros(2)
            assert np.allclose(found[f"layer{layer}"][row], mean), "the mean over its own tokens"
    states = run(store, backbone, tmp_path, "layer2", maps=True)["layer2"]
    assert [int(row.any(axis=1).sum()) for row in states] == [3, 0, TOKENS, 1]
    again = import_backbone(store, str(encoder), name="twin", wishes=wishes)
    assert again.digest == backbone.digest


def test_two_modules_that_do_not_belong_together_are_refused(store: Store, tmp_path: Path) -> None:
    _, encoder = save_pair(tmp_path / "pair")
    other = save_vectors(tmp_path / "other")
    with pytest.raises(FailedPrecondition, match="input_word_ids") as caught:
        import_backbone(store, str(encoder), name="x", wishes=Wishes(preprocessor=str(other)))
    assert caught.value.reason == "BACKBONE_UNUSABLE"
    with pytest.raises(FailedPrecondition, match="takes"):  # an encoder alone reads no texts
        import_backbone(store, str(encoder), name="x")
    assert catalogue.names(store) == []


def test_a_sentence_encoder_is_built_the_same_every_time(store: Store, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "m")
    one, two = (import_backbone(store, str(folder), name=name) for name in ("one", "two"))
    assert one.digest == two.digest
    assert one.preprocessing == "text|pieces(16)"
    assert "first 16 word pieces" in one.description
    assert sorted(run(store, one, tmp_path, "default", "layer2")) == ["default", "layer2"]
