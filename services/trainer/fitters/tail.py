"""Training the tail of a network on a few examples a class, from the activations at its cut.

The loss is over pairs of a batch: examples of one class shall lie closer than those of others
(supervised contrastive loss, Khosla et al., 2020, equation 2):

    loss = mean over i of  -1/|P(i)| sum over p in P(i) of  log softmax over a != i of (z_i.z_a / t)

P(i) are the others of i's class in the batch; z is what a head sees: the vectors of the endpoints,
each divided by its length, joined, and divided by their length. Cross-entropy through the frozen
head would say nothing: that head separates its own training examples, so its gradient is nearly 0.
The head is fitted anew to the vectors of the trained tail, so that no step is the frozen result.

Steps are Adam's (Kingma and Ba, 2015); weights are drawn back, apart from the gradient, to where
the pre-trained network had them rather than to 0 (L2-SP, Li et al., 2018).

What is random is drawn by NumPy from a generator that the caller owns, outside the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from services.common.heads.base import Floats
from services.networks.cut import Tail, Weights
from services.networks.pooling import pooled
from services.trainer.fitters.base import FitError, Indices
from services.trainer.fitters.batches import batches

Activations = tuple[NDArray[Any], ...]
"""One array for each endpoint of the cut: [views, n, ...], the untouched view first. Texts have
their states [views, n, tokens, d], 0 throughout where a text has no token any more."""

FORWARD_ROWS = 64
"""Rows of a forward pass: bounds its memory."""

_BETAS = (0.9, 0.999)
_TINY = 1e-8


@dataclass(frozen=True)
class Recipe:
    """The numbers of the training.

    `temperature` is that of Khosla et al. `learning_rate` is a fifth of Adam's customary 1e-3, as
    is usual where pre-trained weights are adapted. `pull`: the share of the way back to the
    pre-trained weights that `1 / learning_rate` steps would go. `warm_steps`: the rate rises over
    so many. `shift`: positions by which a feature map is moved at most; the gap is mirrored.
    """

    learning_rate: float = 2e-4
    pull: float = 1.0
    temperature: float = 0.1
    batch: int = 80
    warm_steps: int = 5
    shift: int = 1


TEXTS = Recipe(learning_rate=1e-4, temperature=0.5, pull=0.0, shift=0)
"""For the layers of a transformer: picked on the training halves of four sets of texts, whose test
halves had no part in it. A smaller rate overshoots less with few texts."""


def set_up(threads: int) -> None:
    """TensorFlow for this process: so many threads, no GPU, the same bits for the same input.

    Does nothing where TensorFlow has run already: then whoever began it has set it up.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.set_visible_devices([], "GPU")  # the embedder's
        tf.config.experimental.enable_op_determinism()
    except RuntimeError:
        return


class TailTrainer:
    """Owns the weights of a tail while they are trained, and the state of the optimiser.

    `endpoints`: those whose vectors the head sees. Raises FitError where the tail has no weight
    that may be trained.
    """

    def __init__(self, tail: Tail, endpoints: Sequence[str], recipe: Recipe | None = None) -> None:
        if not any(tail.trainable):
            raise FitError(f"nothing behind {'/'.join(tail.cut)} can be trained: it has no weights")
        self._tail = tail
        self._endpoints = tuple(endpoints)
        self._recipe = recipe or Recipe()
        self._origin = [tf.constant(value) for value in tail.weights]
        self._weights = [tf.Variable(value) for value in tail.weights]
        self._moments = [
            (tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in self._weights
        ]
        self._steps = tf.Variable(0.0)
        spec = list(tail.specs)
        self._forward = tf.function(self._pooled, input_signature=[spec], autograph=False)
        targets = tf.TensorSpec([None], tf.int64)
        self._step = tf.function(self._update, input_signature=[spec, targets], autograph=False)

    @property
    def batch(self) -> int:
        """Examples of a step, about."""
        return self._recipe.batch

    def reset(self) -> None:
        """Back to the pre-trained weights."""
        for weight, origin in zip(self._weights, self._origin, strict=True):
            weight.assign(origin)
        for pair in self._moments:
            for moment in pair:
                moment.assign(tf.zeros_like(moment))
        self._steps.assign(0.0)

    def epoch(
        self,
        activations: Activations,
        y: Indices,
        rng: np.random.Generator,
        tick: Callable[[], None] = lambda: None,
    ) -> float:
        """One pass over n examples, each in one of its views at random; the mean loss.

        `tick` is called before each step; what it raises ends the training there. Raises FitError
        when the loss is no number any more.
        """
        losses = []
        for rows in batches(y, self._recipe.batch, rng):
            tick()
            view = rng.integers(0, len(activations[0]), len(rows))
            moved = [self._moved(each[view, rows], rng) for each in activations]
            losses.append(float(self._step(self._tensors(moved), tf.constant(y[rows]))))
        mean = float(np.mean(losses))
        if not np.isfinite(mean):
            raise FitError("the training of the tail diverged: its loss is not finite")
        return mean

    def vectors(
        self, activations: Sequence[NDArray[Any]], tick: Callable[[], None] = lambda: None
    ) -> dict[str, Floats]:
        """The vectors float32 `[n, dim]` of each endpoint, for activations `[n, ...]`."""
        pieces: list[dict[str, Floats]] = []
        for start in range(0, len(activations[0]), FORWARD_ROWS):
            tick()
            some = [each[start : start + FORWARD_ROWS] for each in activations]
            found = self._forward(self._tensors(some))
            pieces.append({name: value.numpy() for name, value in found.items()})
        return {name: np.concatenate([p[name] for p in pieces]) for name in self._endpoints}

    def weights(self) -> Weights:
        """A copy of the weights as they are now."""
        return [weight.numpy() for weight in self._weights]

    def _tensors(self, arrays: Sequence[NDArray[Any]]) -> list[Any]:
        return [
            tf.cast(tf.constant(_trimmed(array)), spec.dtype)
            for array, spec in zip(arrays, self._tail.specs, strict=True)
        ]

    def _moved(self, maps: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Feature maps, all moved alike by a few positions; anything else as it is."""
        most = self._recipe.shift
        if maps.ndim != 4 or not most or min(maps.shape[1:3]) <= most:
            return maps
        down, right = rng.integers(0, 2 * most + 1, 2)
        height, width = maps.shape[1:3]
        wide = np.pad(maps, ((0, 0), (most, most), (most, most), (0, 0)), "symmetric")
        return np.ascontiguousarray(wide[:, down : down + height, right : right + width])

    def _pooled(self, activations: Sequence[Any]) -> dict[str, Any]:
        found = self._tail.call(activations, self._weights)
        return {name: pooled(found[name]) for name in self._endpoints}

    def _update(self, activations: Sequence[Any], y: Any) -> Any:
        """One step of Adam; the loss before it."""
        with tf.GradientTape() as tape:
            pooled = self._pooled(activations)
            loss = contrastive_loss(
                [pooled[name] for name in self._endpoints], y, self._recipe.temperature
            )
        trained = [i for i, free in enumerate(self._tail.trainable) if free]
        gradients = tape.gradient(loss, [self._weights[i] for i in trained])
        self._steps.assign_add(1.0)
        for i, gradient in zip(trained, gradients, strict=True):
            if gradient is not None:
                self._move(i, gradient)
        return loss

    def _move(self, i: int, gradient: Any) -> None:
        first, second = self._moments[i]
        slow, slower = _BETAS
        first.assign(slow * first + (1 - slow) * gradient)
        second.assign(slower * second + (1 - slower) * gradient**2)
        mean = first / (1 - slow**self._steps)
        spread = tf.sqrt(second / (1 - slower**self._steps)) + _TINY
        recipe, weight = self._recipe, self._weights[i]
        rate = recipe.learning_rate * tf.minimum(1.0, self._steps / recipe.warm_steps)
        weight.assign_sub(rate * (mean / spread + recipe.pull * (weight - self._origin[i])))


def contrastive_loss(blocks: Sequence[Any], y: Any, temperature: float) -> Any:
    """The loss in the module's docstring, of vectors `[n, dim]` an endpoint and classes `[n]`.

    An example alone in its class counts nothing.
    """
    joined = tf.concat([tf.math.l2_normalize(block, axis=1) for block in blocks], axis=1)
    unit = tf.math.l2_normalize(joined, axis=1)
    alone = tf.eye(tf.shape(unit)[0])
    likeness = tf.matmul(unit, unit, transpose_b=True) / temperature - 1e9 * alone
    same = tf.cast(y[:, None] == y[None, :], tf.float32) - alone
    others = tf.reduce_sum(same, axis=1)
    drawn = tf.reduce_sum(same * tf.nn.log_softmax(likeness, axis=1), axis=1)
    counted = tf.maximum(tf.reduce_sum(tf.cast(others > 0, tf.float32)), 1.0)
    return -tf.reduce_sum(drawn / tf.maximum(others, 1.0)) / counted


def _trimmed(states: NDArray[Any]) -> NDArray[Any]:
    """The states of texts [n, tokens, d] without the places that none of them reaches; anything
    else as it is."""
    if states.ndim != 3:
        return states
    reached = np.flatnonzero(states.any(axis=(0, 2)))
    return states[:, : int(reached[-1]) + 1 if len(reached) else 1]
