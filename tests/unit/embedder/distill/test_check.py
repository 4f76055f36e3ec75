"""The check: what two networks find alike."""

from __future__ import annotations

import numpy as np

from services.embedder.distill.check import MOST, NEIGHBOURS, Vectors, agreement, check, held_back

RNG = np.random.default_rng(0)
VECTORS: Vectors = RNG.normal(size=(300, 16)).astype(np.float32)
TURN: Vectors = np.linalg.qr(RNG.normal(size=(16, 16)))[0].astype(np.float32)
OTHERS: Vectors = RNG.normal(size=(300, 16)).astype(np.float32)


def test_a_network_agrees_with_itself_in_whatever_scale_and_turn() -> None:
    assert agreement(VECTORS, 7 * (VECTORS @ TURN)) > 0.999
    assert agreement(VECTORS, 7 * (VECTORS @ TURN)) > 0.999


def test_two_that_have_nothing_in_common_agree_by_chance() -> None:
    found = check(VECTORS, OTHERS, VECTORS)
    assert abs(found.student - found.chance) < 0.02
    assert found.bundled == 1.0
    assert found.pictures == 300


def test_some_pictures_are_kept_back_but_never_too_many_nor_too_few() -> None:
    assert held_back(256) == 2 * NEIGHBOURS
    assert held_back(10_000) == 500
    assert held_back(200_000) == MOST
