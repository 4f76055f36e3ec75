"""Tiny SavedModels of texts, in the forms in which TF-Hub publishes them.

They count letters: the vector of a text is known without running anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tests.support.savedmodel  # noqa: F401  # sets TensorFlow up before its first operation

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


def vector_of(text: str) -> np.ndarray:
    """What `save_vectors` answers."""
    return np.array([text.count(letter) for letter in LETTERS], np.float32)
