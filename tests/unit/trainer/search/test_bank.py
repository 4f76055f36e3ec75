"""The vectors of several endpoints as one bank of examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.trainer.search.bank import Bank, Vectors
from services.trainer.search.cuts import DEFAULT, LAST, Cut
from services.trainer.search.examples import Examples

BOTH = Cut((DEFAULT, "early"), (1.0, 0.5))


def _bank() -> Bank:
    rng = np.random.default_rng(0)
    early = rng.random((6, 3)).astype(np.float16)
    last = rng.normal(size=(6, 4)).astype(np.float32)
    flipped: dict[str, Vectors] = {"early": early[:, ::-1], DEFAULT: -last}
    return Bank(
        {"early": early, DEFAULT: last},
        np.array([0, 1, 2, 0, 1, 1]),
        ("a", "b", "c"),
        np.array([0, 1, 2, 0, 4, 5]),
        {"flip": flipped},
    )


def test_vectors_are_joined_in_the_order_of_the_cut_as_float32() -> None:
    bank = _bank()
    joined = bank.joined(BOTH)
    assert joined.dtype == np.float32
    np.testing.assert_array_equal(joined[:, :4], bank.vectors[DEFAULT])
    np.testing.assert_array_equal(joined[:, 4:], bank.vectors["early"].astype(np.float32))
    np.testing.assert_array_equal(bank.joined(BOTH, "flip")[:, :4], -joined[:, :4])


def test_the_root_is_taken_of_blocks_that_are_never_negative() -> None:
    blocks = _bank().blocks(BOTH).blocks
    assert [(block.dim, block.length, block.root) for block in blocks] == [
        (4, 1.0, False),
        (3, 0.5, True),
    ]
    assert not any(block.root for block in _bank().blocks(BOTH, root=False).blocks)


def test_features_have_the_lengths_of_the_cut() -> None:
    bank = _bank()
    x = bank.examples(BOTH, bank.blocks(BOTH)).x
    np.testing.assert_allclose(np.linalg.norm(x[:, :4], axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(x[:, 4:], axis=1), 0.5, rtol=1e-6)
    np.testing.assert_array_equal(bank.examples(BOTH).x, bank.joined(BOTH))


def test_a_bank_of_examples_is_their_last_layer() -> None:
    x = np.eye(3, dtype=np.float32)
    examples = Examples(x, np.array([0, 1, 1]), ("a", "b"), np.arange(3))
    again = Bank.of(examples).examples(LAST)
    np.testing.assert_array_equal(again.x, x)
    assert (again.labels, again.y.tolist(), again.groups.tolist()) == (
        ("a", "b"),
        [0, 1, 1],
        [0, 1, 2],
    )


def test_a_part_keeps_every_array_in_step() -> None:
    bank, rows = _bank(), np.array([5, 2, 0])
    part = bank.part(rows)
    np.testing.assert_array_equal(part.joined(BOTH), bank.joined(BOTH)[rows])
    np.testing.assert_array_equal(part.joined(BOTH, "flip"), bank.joined(BOTH, "flip")[rows])
    assert (part.y.tolist(), part.groups.tolist()) == ([1, 2, 0], [5, 2, 0])
    assert part.class_counts.tolist() == [1, 1, 1]
    assert bank.class_counts.tolist() == [2, 3, 1]


def _joint() -> Bank:
    """Of six examples the second lacks its image and the fourth its text."""
    rng = np.random.default_rng(1)
    image = rng.normal(size=(6, 5)).astype(np.float16)
    text = rng.normal(size=(6, 3)).astype(np.float16)
    image[1], text[3] = 0, 0
    vectors = {"image:default": image, "text:default": text}
    return replace(_bank(), vectors=vectors, views={}, joint=True)


def test_a_bank_of_two_parts_joins_their_last_layers() -> None:
    bank = _joint()
    assert bank.last == Cut(("image:default", "text:default"), (1.0, 1.0))
    assert bank.joined(bank.last).shape == (6, 8)
    assert (_bank().last, _bank().cut_rounds) == (LAST, 1)
    assert bank.cut_rounds == 3
    tried = [cut for number in range(3) for cut in bank.cuts(number, bank.last)]
    assert len(tried) == bank.cut_count == 3


def test_a_part_that_is_missing_counts_as_the_mean_of_those_that_are_there() -> None:
    bank = _joint()
    x = bank.examples(bank.last, bank.blocks(bank.last)).x
    others = np.array([0, 2, 3, 4, 5])
    np.testing.assert_allclose(x[1, :5], x[others, :5].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(x[others, :5], axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(x[3, 5:], x[[0, 1, 2, 4, 5], 5:].mean(axis=0), rtol=1e-5)


def test_a_part_of_a_joint_bank_is_joint() -> None:
    assert _joint().part(np.arange(3)).joint
