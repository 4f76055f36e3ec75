"""Training one network of a detector on cached maps, in TensorFlow.

The loss is that of "Training-Time-Friendly Network" (Liu et al., 2020): the focal loss of CornerNet
(Law and Deng, 2018) over the cells, and GIoU (Rezatofighi et al., 2019) over the boxes of those
that learn one; and the cross-entropy of the expected fit with the IoU that is reached, as in "FCOS"
and its kin. AdamW (Loshchilov and Hutter, 2019) with a rate that falls as a cosine; what is kept is
a running mean of the weights (Polyak and Juditsky, 1992), at several steps on the way.

The statistics of the maps are folded into the first weights: what serves knows none of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from services.common.detector.detector import BOUND, UNIT_CELLS
from services.common.detector.network import DISTANCES, EXTRA, REACH, Network
from services.trainer.detection.targets import Targets

Halves = NDArray[np.float16]

LEAST_STEPS: Final = 60
"""With fewer nothing is learned."""

LEAST_BATCH: Final = 4
USUAL_CELLS: Final = 200
"""A grid of more cells is learned in smaller batches, so that a step costs about the same."""

TIMED_STEPS: Final = 4
"""Steps from which the time of the others is told."""

_BETA: Final = 0.99
_ALPHA, _GAMMA = 2, 4  # of CornerNet's loss
_LEAST_P: Final = 1e-4
_MAX_NORM: Final = 10.0
_RARE: Final = -4.0  # the logit of a label at the start: most cells show nothing
_CHUNK: Final = 64  # maps whose statistics are taken at once


@dataclass(frozen=True)
class Recipe:
    """The numbers of the training: picked on pictures that the draws of the benchmark left over."""

    width: int = 64
    convolutions: int = 2
    steps: int = 250
    batch: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.2
    warm_steps: int = 20
    box_weight: float = 5.0
    fit_weight: float = 0.5
    kept_at: tuple[float, ...] = (0.6, 0.8, 1.0)
    """Shares of the steps at which the network is kept."""


@dataclass(frozen=True)
class Fitted:
    """The networks at `Recipe.kept_at`, the steps that were taken, and the seconds of all."""

    networks: tuple[Network, ...]
    steps: int
    seconds: float


def fit_network(
    maps: Sequence[Halves],
    targets: Targets,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    seed: int,
    left_s: Callable[[], float] = lambda: math.inf,
    tick: Callable[[], None] = lambda: None,
) -> Fitted:
    """Train on the views `rows`, ascending. `maps`: on the grid, `[n, g, g, channels]`, the
    coarsest last. What a step takes is measured, and no more steps are taken than fit in `left_s`
    seconds, which is asked at each, and ends the training once it is 0; LEAST_STEPS are taken
    whatever it is. `tick` is called between steps and may raise to stop."""
    rng = np.random.default_rng([seed, len(rows)])
    stats = [_statistics(some, rows) for some in maps]
    channels = [some.shape[-1] for some in maps]
    learner = _Learner(channels, targets.heat.shape[-1], stats, recipe, rng)
    cells = int(np.prod(targets.weights.shape[1:]))
    batch = min(recipe.batch, max(LEAST_BATCH, recipe.batch * USUAL_CELLS // cells), len(rows))
    steps = recipe.steps
    networks: list[Network] = []
    order, at = rng.permutation(rows), 0
    began = warm = time.monotonic()
    step = 0
    while step < steps:
        step += 1
        tick()
        if step == 2:  # the first makes the graph
            warm = time.monotonic()
        left = left_s()
        if left <= 0:
            steps = min(steps, max(LEAST_STEPS, step))
        elif step == 2 + TIMED_STEPS:
            took = (time.monotonic() - warm) / TIMED_STEPS
            steps = int(min(steps, max(LEAST_STEPS, step + left / took)))
        if at + batch > len(order):
            order, at = rng.permutation(rows), 0
        some = np.sort(order[at : at + batch])
        at += batch
        learner.step([one[some] for one in maps], targets, some, step, steps, rng)
        if len(networks) < len(recipe.kept_at) and step >= recipe.kept_at[len(networks)] * steps:
            networks.append(learner.network())
    # Where it ended before its time, it has come no further at the stages to come.
    networks += [learner.network()] * (len(recipe.kept_at) - len(networks))
    return Fitted(tuple(networks), steps, time.monotonic() - began)


def _statistics(maps: Halves, rows: NDArray[np.int64]) -> tuple[Any, Any]:
    """The mean and the standard deviation of each channel over the views `rows`, float32."""
    total = squares = np.zeros(maps.shape[-1])
    count = 0
    for start in range(0, len(rows), _CHUNK):
        some = maps[rows[start : start + _CHUNK]].astype(np.float64).reshape(-1, maps.shape[-1])
        total, squares = total + some.sum(axis=0), squares + (some**2).sum(axis=0)
        count += len(some)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0)) + 1e-3
    return mean.astype(np.float32), deviation.astype(np.float32)


class _Learner:
    """Owns the weights of one network, their running mean, and the optimiser."""

    def __init__(
        self,
        channels: Sequence[int],
        labels: int,
        stats: Sequence[tuple[Any, Any]],
        recipe: Recipe,
        rng: np.random.Generator,
    ) -> None:
        self._recipe, self._labels, self._stats = recipe, labels, stats
        width, side = recipe.width, 2 * REACH + 1
        self._laterals = [_drawn(rng, (n, width), 1 / n) for n in channels]
        self._context = _drawn(rng, (channels[-1], width), 1 / channels[-1])
        self._bias = tf.Variable(tf.zeros(width))
        shape, scale = (side, side, width, width), 2 / (side * side * width)
        self._convolutions = [
            (_drawn(rng, shape, scale), tf.Variable(tf.zeros(width)))
            for _ in range(recipe.convolutions)
        ]
        self._out = _drawn(rng, (width, labels + EXTRA), 1 / (4 * width))
        start = np.array([_RARE] * labels + [0.0] * EXTRA, np.float32)
        self._out_bias = tf.Variable(start)
        self._variables = [
            *self._laterals,
            *(self._context, self._bias, self._out, self._out_bias),
            *(one for pair in self._convolutions for one in pair),
        ]
        self._means = [variable.numpy() for variable in self._variables]
        self._moments = [
            (tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in self._variables
        ]
        self._run = tf.function(self._step, autograph=False, reduce_retracing=True)

    def step(
        self,
        maps: Sequence[Halves],
        targets: Targets,
        rows: NDArray[np.int64],
        number: int,
        steps: int,
        rng: np.random.Generator,
    ) -> None:
        """One step on the views `rows`, the `number`th from 1 of `steps`."""
        recipe = self._recipe
        progress = number / steps
        rate = recipe.learning_rate * min(1.0, number / recipe.warm_steps)
        rate *= 0.5 * (1 + np.cos(np.pi * progress))
        kept = [
            (rng.random((len(rows), 1, 1, recipe.width)) >= recipe.dropout)
            / np.float32(1 - recipe.dropout)
            for _ in self._convolutions
        ]
        self._run(
            [tf.constant(one) for one in maps],
            [tf.constant(one.astype(np.float32)) for one in kept],
            tf.constant(targets.heat[rows]),
            tf.constant(targets.boxes[rows]),
            tf.constant(targets.weights[rows]),
            tf.constant(targets.counted[rows]),
            tf.constant(rate, tf.float32),
            tf.constant(number, tf.float32),
        )
        decay = min(0.98, number / (number + 10))
        for mean, variable in zip(self._means, self._variables, strict=True):
            mean *= decay
            mean += (1 - decay) * variable.numpy()

    def network(self) -> Network:
        """The running mean of the weights, over maps as they come."""
        means = iter([mean.copy() for mean in self._means])
        laterals = [next(means) for _ in self._laterals]
        context, bias, out, out_bias = (next(means) for _ in range(4))
        convolutions = tuple((next(means), next(means)) for _ in self._convolutions)
        parts = list(zip(laterals, self._stats, strict=True))
        parts.append((context, self._stats[-1]))
        for weights, (mean, deviation) in parts:
            weights /= deviation[:, None]
            bias -= mean @ weights
        return Network(tuple(laterals), context, bias, convolutions, out, out_bias)

    def _forward(self, maps: Sequence[Any], kept: Sequence[Any]) -> Any:
        cells = [
            (tf.cast(one, tf.float32) - mean) / deviation
            for one, (mean, deviation) in zip(maps, self._stats, strict=True)
        ]
        x = tf.reduce_mean(cells[-1], [1, 2]) @ self._context + self._bias
        x = x[:, None, None, :]
        for one, weights in zip(cells, self._laterals, strict=True):
            x = x + tf.tensordot(one, weights, 1)
        x = tf.nn.relu(x)
        for (weights, offset), mask in zip(self._convolutions, kept, strict=True):
            x = x * mask
            x = x + tf.nn.relu(tf.nn.conv2d(x, weights, 1, "SAME") + offset)
        return tf.tensordot(x, self._out, 1) + self._out_bias

    def _loss(self, output: Any, heat: Any, boxes: Any, weights: Any, counted: Any) -> Any:
        labels, recipe = self._labels, self._recipe
        p = tf.clip_by_value(tf.sigmoid(output[..., :labels]), _LEAST_P, 1 - _LEAST_P)
        hit = tf.cast(heat > 1 - 1e-6, tf.float32)
        found = hit * (1 - p) ** _ALPHA * tf.math.log(p)
        nothing = (1 - hit) * (1 - heat) ** _GAMMA * p**_ALPHA * tf.math.log(1 - p)
        things = tf.maximum(tf.reduce_sum(hit), 1.0)
        by_label = -tf.reduce_sum((found + nothing) * counted[..., None]) / things
        iou, giou = _overlap(_boxes(output[..., labels : labels + DISTANCES]), boxes)
        total = tf.reduce_sum(weights) + 1e-6
        by_box = tf.reduce_sum(weights * (1 - giou)) / total
        expected = tf.stop_gradient(tf.clip_by_value(iou, 0.0, 1.0))
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(expected, output[..., -1])
        by_fit = tf.reduce_sum(weights * entropy) / total
        return by_label + recipe.box_weight * by_box + recipe.fit_weight * by_fit

    def _step(
        self,
        maps: Sequence[Any],
        kept: Sequence[Any],
        heat: Any,
        boxes: Any,
        weights: Any,
        counted: Any,
        rate: Any,
        number: Any,
    ) -> None:
        with tf.GradientTape() as tape:
            loss = self._loss(self._forward(maps, kept), heat, boxes, weights, counted)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, self._variables), _MAX_NORM)
        for variable, gradient, (first, second) in zip(
            self._variables, gradients, self._moments, strict=True
        ):
            first.assign(0.9 * first + 0.1 * gradient)
            second.assign(_BETA * second + (1 - _BETA) * gradient**2)
            step = first / (1 - 0.9**number)
            step /= tf.sqrt(second / (1 - _BETA**number)) + 1e-8
            shrink = self._recipe.weight_decay if variable.shape.rank > 1 else 0.0
            variable.assign_sub(rate * (step + shrink * variable))


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> Any:
    return tf.Variable((rng.normal(size=shape) * np.sqrt(variance)).astype(np.float32))


def _boxes(logs: Any) -> Any:
    """Left, top, right, bottom of each cell's box, shares of the view."""
    cells = logs.shape[1]
    middle = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    d = tf.exp(BOUND * tf.tanh(logs / BOUND)) * (UNIT_CELLS / cells)
    x, y = middle[None, None, :], middle[None, :, None]
    return tf.stack([x - d[..., 0], y - d[..., 1], x + d[..., 2], y + d[..., 3]], -1)


def _overlap(some: Any, others: Any) -> tuple[Any, Any]:
    """IoU and GIoU of boxes in pairs."""
    low, high = (
        tf.maximum(some[..., :2], others[..., :2]),
        tf.minimum(some[..., 2:], others[..., 2:]),
    )
    both = tf.reduce_prod(tf.maximum(high - low, 0.0), -1)
    areas = [tf.reduce_prod(one[..., 2:] - one[..., :2], -1) for one in (some, others)]
    either = areas[0] + areas[1] - both
    outer_low = tf.minimum(some[..., :2], others[..., :2])
    outer_high = tf.maximum(some[..., 2:], others[..., 2:])
    outer = tf.reduce_prod(outer_high - outer_low, -1)
    iou = both / (either + 1e-9)
    return iou, iou - (outer - either) / (outer + 1e-9)
