"""The vectors of several endpoints as one bank of examples."""

from __future__ import annotations

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
