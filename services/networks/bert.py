"""The encoder of BERT (Devlin et al., 2019, after Vaswani et al., 2017) in plain TensorFlow.

The states of a layer are float32 [texts, tokens, width], and 0 throughout where a text has no token
any more. So the states say by themselves which of them count: whoever has those of one layer can go
on from there, with nothing beside them (services/networks/cut.py cuts there).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from services.networks.pooling import present

_FAR: Final = -1e9
"""Added to the score of a place without a token: its weight becomes 0."""

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Shape:
    """`epsilon` is that of the layer norms."""

    layers: int
    heads: int
    epsilon: float


class Bert(tf.Module):  # type: ignore[misc]
    """The network with these weights, by the names that they have in a checkpoint of BERT."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        super().__init__()
        self._epsilon = shape.epsilon
        tables = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        self.words, self.positions, self.kinds = (
            tf.Variable(weights[f"embeddings.{name}.weight"], name=name) for name in tables
        )
        self.norm = _Norm(weights, "embeddings.LayerNorm", shape.epsilon)
        self.layers = [_Layer(weights, number, shape) for number in range(shape.layers)]

    def __call__(self, ids: Any) -> list[Any]:
        """Ragged int32 [texts, (tokens)] -> the states after each layer, the embeddings first."""
        lengths = ids.row_lengths()
        dense = ids.to_tensor(0)
        tokens = tf.shape(dense)[1]
        there = tf.sequence_mask(lengths, tokens, dtype=tf.float32)[:, :, tf.newaxis]
        summed = tf.gather(self.words, dense) + self.kinds[0] + self.positions[:tokens]
        states = [self.norm(summed) * there]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return states


class _Layer(tf.Module):  # type: ignore[misc]
    """Self-attention, then two dense layers, each added to what it was given and normalised."""

    def __init__(self, weights: Weights, number: int, shape: Shape) -> None:
        super().__init__()
        prefix = f"encoder.layer.{number}"
        self._heads = shape.heads
        own = [f"{prefix}.attention.self.{name}" for name in ("query", "key", "value")]
        self.projections = _Dense(
            np.concatenate([weights[f"{name}.weight"].T for name in own], axis=1),
            np.concatenate([weights[f"{name}.bias"] for name in own]),
        )
        self.mixing = _dense(weights, f"{prefix}.attention.output.dense")
        self.mixing_norm = _Norm(weights, f"{prefix}.attention.output.LayerNorm", shape.epsilon)
        self.widening = _dense(weights, f"{prefix}.intermediate.dense")
        self.narrowing = _dense(weights, f"{prefix}.output.dense")
        self.norm = _Norm(weights, f"{prefix}.output.LayerNorm", shape.epsilon)

    def __call__(self, states: Any) -> Any:
        there = present(states)
        mixed = self.mixing_norm(states + self.mixing(self._attend(states, there)))
        wide = tf.nn.gelu(self.widening(mixed), approximate=False)
        return self.norm(mixed + self.narrowing(wide)) * there[:, :, tf.newaxis]

    def _attend(self, states: Any, there: Any) -> Any:
        texts, tokens, width = tf.shape(states)[0], tf.shape(states)[1], states.shape[2]
        each = width // self._heads
        joint = tf.reshape(self.projections(states), [texts, tokens, 3, self._heads, each])
        query, key, value = tf.unstack(tf.transpose(joint, [2, 0, 3, 1, 4]))
        scores = tf.matmul(query * each**-0.5, key, transpose_b=True)
        far = (1.0 - there)[:, tf.newaxis, tf.newaxis, :] * _FAR
        found = tf.transpose(tf.matmul(tf.nn.softmax(scores + far), value), [0, 2, 1, 3])
        return tf.reshape(found, [texts, tokens, width])


class _Dense(tf.Module):  # type: ignore[misc]
    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        super().__init__()
        self.kernel, self.bias = tf.Variable(kernel, name="kernel"), tf.Variable(bias, name="bias")

    def __call__(self, states: Any) -> Any:
        """[texts, tokens, before] -> [texts, tokens, after], as one product of two matrices."""
        before, after = self.kernel.shape
        flat = tf.matmul(tf.reshape(states, [-1, before]), self.kernel)
        shape = tf.concat([tf.shape(states)[:2], [after]], axis=0)
        return tf.reshape(tf.nn.bias_add(flat, self.bias), shape)


class _Norm(tf.Module):  # type: ignore[misc]
    """Layer normalisation (Ba et al., 2016)."""

    def __init__(self, weights: Weights, prefix: str, epsilon: float) -> None:
        super().__init__()
        self._epsilon = epsilon
        self.scale = tf.Variable(weights[f"{prefix}.weight"], name="scale")
        self.shift = tf.Variable(weights[f"{prefix}.bias"], name="shift")

    def __call__(self, states: Any) -> Any:
        mean = tf.reduce_mean(states, axis=-1, keepdims=True)
        centred = states - mean
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        return centred * (tf.math.rsqrt(variance + self._epsilon) * self.scale) + self.shift


def _dense(weights: Weights, prefix: str) -> _Dense:
    return _Dense(weights[f"{prefix}.weight"].T, weights[f"{prefix}.bias"])
