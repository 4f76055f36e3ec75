"""One vector an item from what an endpoint gives: the mean over its places.

A feature map [N, h, w, c] has h w places. The states of a text [N, tokens, d] have as many as the
text has tokens: where it has none any more they are 0 throughout, and such places do not count.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def pooled(value: Any) -> Any:
    """[N, h, w, c] or [N, tokens, d] or [N, d] -> float32 [N, c or d]."""
    if value.shape.rank == 4:
        flat = tf.reduce_mean(value, axis=[1, 2])
    elif value.shape.rank == 3:
        count = tf.reduce_sum(present(value), axis=1, keepdims=True)
        flat = tf.reduce_sum(value, axis=1) / tf.cast(tf.maximum(count, 1.0), value.dtype)
    else:
        flat = value
    return tf.cast(flat, tf.float32)


def present(states: Any) -> Any:
    """float32 [N, tokens]: 1 where there is a token, 0 where the states are padding."""
    return tf.cast(tf.reduce_any(tf.not_equal(states, 0.0), axis=-1), tf.float32)
