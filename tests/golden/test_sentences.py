"""The text backbone gives what sentence-transformers gave: see tools/golden_sentences.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from services.embedder.backbones import bundled
from services.embedder.engines.texts import TextEngine
from services.networks.text_module import TextModule, load_text_module
from services.networks.word_pieces import WordPieces
from tests.golden import sentences
from tests.support import minilm, texts

pytestmark = pytest.mark.timeout(300)  # whichever comes first waits for the network to be built

MIN_COSINE = 0.99999
MAX_NORM_CHANGE = 0.002  # half precision keeps three digits of each number

GOLDEN = np.load(sentences.FILE)
ASKED = texts.make(sentences.TEXTS, 0)


@pytest.fixture(scope="module")
def module() -> TextModule:
    return load_text_module(minilm.folder())


@pytest.fixture(scope="module")
def pieces(module: TextModule) -> Any:
    folder = bundled.text_folder()  # there: the module was built from it
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    of_module = WordPieces(vocabulary, 256)
    spec = [tf.TensorSpec([None], tf.string)]
    return tf.function(of_module.__call__, input_signature=spec, autograph=False)


def cosines(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(found, axis=-1) * np.linalg.norm(wanted, axis=-1)
    return np.asarray((found * wanted).sum(axis=-1) / norms)


@pytest.mark.slow
def test_a_thousand_texts_of_every_kind_have_the_reference_s_vectors(module: TextModule) -> None:
    engine = TextEngine(module, max_batch=32)
    order = sorted(range(len(ASKED)), key=lambda each: len(ASKED[each]))
    found = np.empty((len(ASKED), sentences.WIDTH), np.float32)
    for start in range(0, len(order), 32):
        places = order[start : start + 32]
        batch = np.array([ASKED[place].encode() for place in places], object)
        found[places] = engine.run(batch, ("default",))["default"]
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5), "divided by their length"
    kept = sentences.project(found, sentences.KEPT)
    wanted = GOLDEN["vectors"].astype(np.float32)
    assert cosines(kept, wanted).min() >= MIN_COSINE
    change = np.linalg.norm(kept, axis=1) / np.linalg.norm(wanted, axis=1) - 1
    assert np.abs(change).max() < MAX_NORM_CHANGE
    assert len(np.unique(wanted.round(2), axis=0)) > 900, "the texts are told apart"


def test_every_layer_is_the_reference_s(module: TextModule) -> None:
    run = module.pooled()
    asked = ASKED[-sentences.LAYERED :]
    for row, text in enumerate(asked):
        found = run(tf.constant([text]))
        layers = np.stack([found[f"layer{number}"].numpy()[0] for number in range(7)])
        kept = sentences.project(layers, sentences.KEPT_OF_A_LAYER)
        wanted = GOLDEN["layers"][row].astype(np.float32)
        assert np.allclose(kept, wanted, atol=2e-3 * np.abs(wanted).max()), text


def test_every_text_has_the_reference_s_word_pieces(pieces: Any) -> None:
    found = pieces(tf.constant(ASKED)).to_list()
    sums = np.asarray([sentences.checksum([row]) for row in found], np.uint32)
    assert [ASKED[place][:80] for place in np.flatnonzero(sums != GOLDEN["pieces"])] == []


def test_every_character_of_unicode_is_taken_as_the_reference_takes_it(pieces: Any) -> None:
    sums = [
        sentences.checksum(pieces(tf.constant(block)).to_list()) if block else 0
        for block in sentences.blocks()
    ]
    differing = np.flatnonzero(np.asarray(sums, np.uint32) != GOLDEN["characters"])
    assert [hex(place * sentences.BLOCK) for place in differing] == []


def test_what_is_beyond_256_pieces_is_left_out(module: TextModule) -> None:
    long = "word " * 254
    run = module.pooled()
    found = run(tf.constant([long, long + "other words", "word " * 253]))["default"].numpy()
    assert np.allclose(found[0], found[1], atol=1e-6)
    assert not np.allclose(found[0], found[2], atol=1e-4)


def test_a_text_depends_on_no_other_in_its_batch(module: TextModule) -> None:
    run = module.pooled()
    some = ["", "short", "a somewhat longer text, with a comma", "word " * 300]
    together = run(tf.constant(some))
    for row, text in enumerate(some):
        for name, vectors in run(tf.constant([text])).items():
            assert np.allclose(vectors.numpy()[0], together[name].numpy()[row], atol=1e-5), name


def test_every_weight_can_be_trained(module: TextModule) -> None:
    with tf.GradientTape() as tape:
        vector = module.loaded(tf.constant(["every weight can be trained"]))
        loss = tf.reduce_sum(vector[:, :7])
    weights = tape.watched_variables()
    total = sum(int(np.prod(weight.shape)) for weight in weights)
    assert total == 22_565_376, "all but the pooler, whose place the mean takes"
    assert all(gradient is not None for gradient in tape.gradient(loss, weights))
