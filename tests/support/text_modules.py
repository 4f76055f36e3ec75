"""Tiny SavedModels of texts, in the forms in which TF-Hub publishes them.

They count letters: the vector of a text is known without running anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

import tests.support.savedmodel  # noqa: F401  # sets TensorFlow up before its first operation
from services.networks import sentence_encoder

LETTERS = "abcdef"
TOKENS = 8


def save_vectors(folder: Path) -> Path:
    """A single module: string [N] -> float32 [N, 6], how often each letter of LETTERS occurs."""
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string)
    module.scale = tf.Variable(1.0)

    def count(texts: Any) -> Any:
        letters = tf.strings.bytes_split(texts)
        counts = [
            tf.cast(tf.reduce_sum(tf.cast(letters == c, tf.int32), 1), tf.float32) for c in LETTERS
        ]
        return tf.stack(counts, axis=1) * module.scale

    module.__call__ = tf.function(count, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder))
    return folder


def save_pair(folder: Path) -> tuple[Path, Path]:
    """A preprocessor and an encoder as TF-Hub has them: TOKENS places, the letters of a text from
    the left; a state is the number of its letter times that of its layer, the pooled output their
    sum."""
    pre, encoder = tf.Module(), tf.Module()

    def prepare(texts: Any) -> dict[str, Any]:
        ragged = tf.strings.unicode_decode(texts, "UTF-8")
        codes = ragged.to_tensor(0, shape=[None, TOKENS])
        mask = tf.cast(codes > 0, tf.int32)
        names = ("input_word_ids", "input_mask", "input_type_ids")
        return dict(zip(names, (codes, mask, tf.zeros_like(codes)), strict=True))

    pre.__call__ = tf.function(
        prepare, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    encoder.scale = tf.Variable([1.0, 2.0])
    of_ids = tf.TensorSpec([None, TOKENS], tf.int32)

    def encode(inputs: Any, training: bool = False) -> dict[str, Any]:
        ids = tf.cast(inputs["input_word_ids"], tf.float32)[:, :, tf.newaxis] * encoder.scale
        layers = [ids + 1.0, 2.0 * ids + 1.0]  # what stands at padding is not 0
        pooled = tf.reduce_sum(ids, axis=1)
        return {"pooled_output": pooled, "sequence_output": layers[-1], "encoder_outputs": layers}

    encoder.__call__ = tf.function(encode, autograph=False)
    names = ("input_word_ids", "input_mask", "input_type_ids")
    for training in (False, True):
        encoder.__call__.get_concrete_function(dict.fromkeys(names, of_ids), training)
    tf.saved_model.save(pre, str(folder / "preprocessor"))
    tf.saved_model.save(encoder, str(folder / "encoder"))
    return folder / "preprocessor", folder / "encoder"


def write_encoder(folder: Path, **settings: object) -> Path:
    """A folder as sentence-transformers keeps a BERT: two layers of 8 numbers, 16 pieces read, with
    random weights. `settings` go over its config.json."""
    rng, width, wide, layers = np.random.default_rng(0), 8, 16, 2
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS)]
    shapes = {
        "embeddings.word_embeddings.weight": (len(words), width),
        "embeddings.position_embeddings.weight": (32, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        **_norm("embeddings.LayerNorm", width),
    }
    for layer in (f"encoder.layer.{number}" for number in range(layers)):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _dense(f"{layer}.attention.{part}", width, width)
        shapes |= _norm(f"{layer}.attention.output.LayerNorm", width)
        shapes |= _dense(f"{layer}.intermediate.dense", wide, width)
        shapes |= _dense(f"{layer}.output.dense", width, wide)
        shapes |= _norm(f"{layer}.output.LayerNorm", width)
    (folder / "1_Pooling").mkdir(parents=True)
    weights = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 32,
        **settings,
    }
    parts = [{"type": f"models.{part}"} for part in ("Transformer", "Pooling", "Normalize")]
    for name, content in (
        ("config.json", config),
        ("modules.json", parts),
        ("sentence_bert_config.json", {"max_seq_length": 16}),
        ("tokenizer_config.json", {"do_lower_case": True}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": True}),
    ):
        (folder / name).write_text(json.dumps(content))
    return folder


def save_encoder(folder: Path) -> Path:
    """The SavedModel of such a folder."""
    sentence_encoder.save(write_encoder(folder / "source"), folder / "saved")
    return folder / "saved"


def _dense(name: str, after: int, before: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def vector_of(text: str) -> np.ndarray:
    """What `save_vectors` answers."""
    return np.array([text.count(letter) for letter in LETTERS], np.float32)
