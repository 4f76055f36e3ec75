from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from graft.channel import open_blocking_channel
from services.common.store import open_store
from services.trainer.embeddings import EmbedderClient
from services.trainer.label_names import MAX_CLASSES, MAX_PER_CLASS, embed, texts, words
from services.trainer.source import Source
from tests.support.embedder import FakeEmbedder, make_text_backbone


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card Arrival"),
        ("lost-or-stolen phone", "lost or stolen phone"),
        ("Sports/Football", "Sports Football"),
        ("  a__b ", "a b"),
        ("w2", "w2"),
        ("SPORTS", "SPORTS"),
        ("größe", "größe"),
        ("天気", "天気"),
        ("NUM", ""),
        ("0", ""),
        ("1_000", ""),
        ("___", ""),
        ("", ""),
    ],
)
def test_the_words_of_a_label(label: str, said: str) -> None:
    assert words(label) == said


def test_either_all_labels_have_words_or_none_is_asked() -> None:
    assert texts(["good", "not_good"], 8) == ["good", "not good"]
    assert texts(["good", "0"], 8) == []


def test_names_are_for_classes_of_few_and_not_for_very_many_classes() -> None:
    many = [f"intent {n}" for n in range(MAX_CLASSES + 1)]
    assert texts(many[:-1], MAX_PER_CLASS) == many[:-1]
    assert texts(many, MAX_PER_CLASS) == []
    assert texts(many[:-1], MAX_PER_CLASS + 0.5) == []


def test_names_are_embedded_once_at_every_endpoint(tmp_path: Path) -> None:
    store, stopped = open_store(str(tmp_path), {}), threading.Event()
    backbone = make_text_backbone()
    with (
        FakeEmbedder(more=[backbone]) as server,
        open_blocking_channel(server.address) as channel,
    ):
        client, source = EmbedderClient(channel, server.address, stopped), Source.of(backbone)

        def asked() -> dict[str, np.ndarray]:
            return dict(embed(store, "p", client, source, ["top up", "card"], lambda *_: None))

        first, again = asked(), asked()
        assert len(server.servicer.embedded) == 2
    assert tuple(first) == source.endpoints
    for name, dim in zip(source.endpoints, source.dims, strict=True):
        assert first[name].shape == (2, dim)
        np.testing.assert_array_equal(first[name], again[name])
