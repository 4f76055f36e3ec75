"""The small network against its formula."""

from __future__ import annotations

import numpy as np

from services.common.heads.base import Floats
from services.common.heads.blocks import Blocks
from services.common.heads.mlp import MlpHead

LABELS = ("a", "b", "c")
DIM = 7


def _random(*shape: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _network(seed: int, units: int) -> tuple[Floats, Floats, Floats, Floats]:
    shapes = ((DIM, units), (units,), (units, 3), (3,))
    hidden, hidden_bias, output, bias = (
        _random(*shape, seed=10 * seed + n) for n, shape in enumerate(shapes)
    )
    return hidden, hidden_bias, output, bias


def test_units_below_zero_say_nothing() -> None:
    hidden, output = np.array([[1, -1]], np.float32), np.array([[1, 0], [0, 5]], np.float32)
    bias = np.array([0.5, 0], np.float32)
    head = MlpHead(("a", "b"), hidden, np.zeros(2, np.float32), output, bias, blocks=Blocks.raw(1))
    logits = head.logits(np.array([[2], [-3], [0]], np.float32))
    np.testing.assert_allclose(logits, [[2.5, 0], [0.5, 15], [0.5, 0]])


def test_logits_are_those_of_the_formula_on_the_features() -> None:
    hidden, hidden_bias, output, bias = _network(1, units=4)
    head = MlpHead(LABELS, hidden, hidden_bias, output, bias, blocks=Blocks.unit(DIM))
    for row in _random(5, DIM, seed=0):
        z = row / np.linalg.norm(row)
        units = [max(0.0, float(z @ hidden[:, k] + hidden_bias[k])) for k in range(4)]
        wanted = [sum(units[k] * output[k, c] for k in range(4)) + bias[c] for c in range(3)]
        np.testing.assert_allclose(head.logits(row[None])[0], wanted, rtol=1e-4, atol=1e-5)


def test_networks_side_by_side_answer_their_average() -> None:
    networks = [_network(seed, units) for seed, units in ((1, 4), (2, 6))]
    raw = Blocks.raw(DIM)
    alone = [MlpHead(LABELS, *network, blocks=raw) for network in networks]
    together = MlpHead(
        LABELS,
        np.concatenate([network[0] for network in networks], axis=1),
        np.concatenate([network[1] for network in networks]),
        np.concatenate([network[2] for network in networks]) * np.float32(0.5),
        np.stack([network[3] for network in networks]).mean(axis=0),
        blocks=raw,
    )
    x = _random(20, DIM, seed=0)
    average = (alone[0].logits(x) + alone[1].logits(x)) / 2
    np.testing.assert_allclose(together.logits(x), average, rtol=1e-4, atol=1e-5)
