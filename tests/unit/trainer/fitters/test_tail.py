"""Training a tail: it learns what the frozen network cannot tell, the same way every time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from graft.errors import Cancelled
from services.common.heads.base import Floats, l2_normalise
from services.trainer.fitters.base import FitError, Indices
from services.trainer.fitters.batches import CHUNK, batches
from services.trainer.fitters.tail import FORWARD_ROWS, Recipe, TailTrainer, contrastive_loss
from tests.support import textures

QUICK = Recipe(learning_rate=3e-3, batch=40, pull=0.0, shift=0)


def accuracy(train: tuple[Floats, Indices], test: tuple[Floats, Indices]) -> float:
    """Of the nearest class mean by cosine."""
    (x, y), (z, truth) = train, test
    means = l2_normalise(np.stack([l2_normalise(x)[y == c].mean(axis=0) for c in np.unique(y)]))
    return float(((l2_normalise(z) @ means.T).argmax(axis=1) == truth).mean())


def trained(epochs: int, seed: int = 0, recipe: Recipe = QUICK) -> TailTrainer:
    maps, y = textures.examples(40, seed=1)
    trainer = TailTrainer(textures.tail(), ["default"], recipe)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        trainer.epoch((maps[None],), y, rng)
    return trainer


def held_out_accuracy(trainer: TailTrainer) -> float:
    (maps, y), (others, truth) = textures.examples(40, seed=1), textures.examples(200, seed=2)
    train, test = (trainer.vectors([each])["default"] for each in (maps, others))
    return accuracy((train, y), (test, truth))


def test_it_learns_a_texture_that_the_frozen_tail_cannot_tell() -> None:
    frozen, tuned = held_out_accuracy(trained(0)), held_out_accuracy(trained(10))
    assert frozen < 0.75
    assert tuned > 0.9


def test_before_the_first_step_it_answers_what_the_network_answers() -> None:
    tail, (maps, _) = textures.tail(), textures.examples(50, seed=4)
    assert len(maps) > FORWARD_ROWS
    found = TailTrainer(tail, ["default"]).vectors([maps])["default"]
    wanted = tail.call([maps.astype(np.float32)], tail.weights)["default"]
    assert np.allclose(found, wanted, atol=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    one, two, other = trained(3, seed=5), trained(3, seed=5), trained(3, seed=6)
    assert all(np.array_equal(a, b) for a, b in zip(one.weights(), two.weights(), strict=True))
    assert not np.array_equal(one.weights()[0], other.weights()[0])


def test_reset_goes_back_to_the_network_that_was_cut() -> None:
    trainer = trained(2)
    before = trained(0).weights()
    assert not np.array_equal(trainer.weights()[0], before[0])
    trainer.reset()
    assert all(np.array_equal(a, b) for a, b in zip(trainer.weights(), before, strict=True))
    maps, y = textures.examples(40, seed=1)
    trainer.epoch((maps[None],), y, np.random.default_rng(7))
    again = trained(1, seed=7)
    assert all(
        np.array_equal(a, b) for a, b in zip(trainer.weights(), again.weights(), strict=True)
    )


def test_the_pull_keeps_weights_near_the_pre_trained_ones() -> None:
    def distance(pull: float) -> float:
        recipe = Recipe(learning_rate=3e-3, batch=40, pull=pull, shift=0)
        start = textures.tail().weights[0]
        return float(np.linalg.norm(trained(10, recipe=recipe).weights()[0] - start))

    assert distance(30.0) < 0.7 * distance(0.0)


def test_a_cancellation_ends_it_within_a_step() -> None:
    maps, y = textures.examples(100, seed=1)
    trainer = TailTrainer(textures.tail(), ["default"], QUICK)
    steps = 0

    def tick() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        trainer.epoch((maps[None],), y, np.random.default_rng(0), tick)
    assert steps == 3


def test_every_view_of_an_example_is_seen() -> None:
    maps, y = textures.examples(40, seed=1)
    blank = np.zeros_like(maps)
    trainer = TailTrainer(textures.tail(), ["default"], QUICK)
    loss = trainer.epoch((np.stack([maps, blank]),), y, np.random.default_rng(0))
    alone = TailTrainer(textures.tail(), ["default"], QUICK)
    assert loss != alone.epoch((maps[None],), y, np.random.default_rng(0))


def test_a_tail_without_weights_cannot_be_trained() -> None:
    from services.networks.cut import cut

    tail = cut(
        lambda x: {"map": tf.identity(x), "default": tf.reduce_mean(x, axis=[1, 2])},
        tf.TensorSpec([None, 4, 4, 3], tf.float32),
        ["map"],
    )
    with pytest.raises(FitError, match="nothing behind map"):
        TailTrainer(tail, ["default"])


def test_numbers_that_are_not_finite_are_an_error_not_a_model() -> None:
    maps, y = textures.examples(10, seed=1)
    maps[0] = np.inf
    trainer = TailTrainer(textures.tail(), ["default"], QUICK)
    with pytest.raises(FitError, match="diverged"):
        trainer.epoch((maps[None],), y, np.random.default_rng(0))


def test_the_loss_is_the_formula_of_its_paper() -> None:
    rng = np.random.default_rng(0)
    z, y, t = rng.normal(size=(6, 5)).astype(np.float32), np.array([0, 0, 1, 1, 1, 2]), 0.5
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i in range(6):
        positives = [p for p in range(6) if p != i and y[p] == y[i]]
        others = [a for a in range(6) if a != i]
        below = np.log(sum(np.exp(unit[i] @ unit[a] / t) for a in others))
        if positives:
            terms.append(-np.mean([unit[i] @ unit[p] / t - below for p in positives]))
    found = float(contrastive_loss([tf.constant(z)], tf.constant(y), t))
    assert found == pytest.approx(float(np.mean(terms)), rel=1e-4)


def test_batches_hold_every_example_once_and_company_for_each() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(300), 5)
    made = batches(y, 80, rng)
    assert np.array_equal(np.sort(np.concatenate(made)), np.arange(len(y)))
    assert all(40 <= len(rows) < 160 for rows in made)
    for rows in made:
        counts = np.bincount(y[rows])
        assert counts[counts > 0].min() >= CHUNK


def test_a_class_of_one_is_in_a_batch_too() -> None:
    made = batches(np.array([0, 0, 0, 1]), 80, np.random.default_rng(0))
    assert [sorted(rows.tolist()) for rows in made] == [[0, 1, 2, 3]]
