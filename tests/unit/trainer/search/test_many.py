"""Very many examples: compared on a part, fitted to all."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import InvalidArgument
from services.trainer.fitters.base import Indices, Truth
from services.trainer.search import many, run
from services.trainer.search.bank import Bank
from services.trainer.search.run import SearchSettings, search


def _bank(n: int, classes: int = 4, dim: int = 24) -> Bank:
    rng = np.random.default_rng(0)
    y = np.arange(n) % classes
    middle = rng.normal(size=(classes, dim))
    x = (middle[y] + rng.normal(0, 1.6, (n, dim))).astype(np.float16)
    labels = tuple(f"class {i}" for i in range(classes))
    return Bank({"default": x}, y.astype(np.int64), labels, np.arange(n))


def test_a_division_is_disjoint_and_leaves_no_class_out() -> None:
    y = np.repeat(np.arange(3), [5_000, 400, 2]).astype(np.int64)
    found = many.divide(y, np.arange(len(y)), 0, 540)
    assert not np.intersect1d(found.compared, found.held_out).size
    assert set(y[found.compared]) == {0, 1, 2}
    assert 500 <= len(found.compared) <= 560
    assert (np.diff(found.compared) > 0).all()
    assert (np.diff(found.held_out) > 0).all()


def test_a_division_is_the_same_for_the_same_seed() -> None:
    y = (np.arange(3_000) % 5).astype(np.int64)
    first, second, other = (many.divide(y, np.arange(len(y)), seed, 500) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.compared, second.compared)
    assert not np.array_equal(first.compared, other.compared)


@pytest.mark.parametrize("several", [False, True])
def test_whole_groups_are_held_out_and_none_that_is_compared_on(several: bool) -> None:
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(300), 10))  # 300 bursts of ten
    y: Truth = rng.random((3_000, 4)) < 0.3 if several else groups % 4
    found = many.divide(y, groups, 0, 600)
    learned = np.setdiff1d(np.arange(3_000), found.held_out)
    assert not np.intersect1d(groups[found.held_out], groups[learned]).size
    assert not np.intersect1d(groups[found.held_out], groups[found.compared]).size
    assert 500 <= len(found.compared) <= 700
    assert len(np.unique(groups[found.compared])) < 80  # whole bursts: the others can be held out
    assert len(found.held_out) > 1_000


def test_a_class_that_is_the_lesser_part_of_each_of_its_groups_is_compared_on() -> None:
    groups = np.arange(3_000) // 3
    y = np.where(np.isin(np.arange(3_000), (2, 302, 602)), 2, groups % 2)
    found = many.divide(y, groups, 0, 300)
    assert (y[found.compared] == 2).sum() >= 2


def test_groups_larger_than_what_may_be_compared_or_held_out_are_no_trouble() -> None:
    groups = np.concatenate([np.zeros(6_000, np.int64), np.arange(1, 1_001)])
    y = np.concatenate([np.zeros(6_000, np.int64), np.arange(1_000) % 2])
    for seed in range(4):
        found = many.divide(y, groups, seed, 500)
        assert len(found.compared) <= 502
        assert set(y[found.compared]) == {0, 1}
        learned = np.setdiff1d(np.arange(len(y)), found.held_out)
        assert not np.intersect1d(groups[found.held_out], groups[learned]).size
        assert len(found.held_out) > 100


def test_copies_of_what_is_held_out_do_not_flatter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes that mean nothing, of pictures ten times each: only a memory would tell them."""
    monkeypatch.setattr(run, "MAX_COMPARED", 100)
    rng, dim = np.random.default_rng(0), 200
    one = rng.normal(size=(300, dim))
    groups = np.repeat(np.arange(300), 10)
    x = (one[groups] + rng.normal(0, 0.1, (3_000, dim))).astype(np.float16)
    y = rng.integers(0, 2, 300)[groups]

    def share_right(groups: Indices) -> float:
        found = search(Bank({"default": x}, y, ("heads", "tails"), groups))
        if found.held_out is None:
            return 0.5
        truth = found.examples.y[found.held_out.items]
        return float((found.held_out.log_proba[0].argmax(axis=1) == truth).mean())

    assert share_right(np.arange(3_000)) > 0.8
    assert share_right(groups) < 0.65


def test_a_part_that_is_a_little_too_large_is_compared_on_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "MAX_COMPARED", 100)
    found = search(_bank(3_000, classes=3))  # a third of 100 of each class is 34
    assert "102 of which were compared on" in found.parameters["of"]


def test_all_examples_make_a_better_head_than_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, test = _bank(6_000), _bank(9_000)
    monkeypatch.setattr(run, "MAX_COMPARED", 100)
    found = search(bank, SearchSettings(seed=0))
    chosen = next(row for row in found.rows if row.chosen)
    assert chosen.kind == "lda"
    assert "6000 examples" in chosen.parameters["of"]
    assert sum(row.chosen for row in found.rows) == 1
    fresh = slice(6_000, None)
    x = test.vectors["default"][fresh].astype(np.float32)
    right = float((found.head.answer(x).best == test.y[fresh]).mean())
    part = search(bank.part(many.divide(bank.y, bank.groups, 0, 100).compared)).head
    assert right > float((part.answer(x).best == test.y[fresh]).mean())
    assert found.held_out is not None
    measured = found.held_out.log_proba[0].argmax(axis=1) == bank.y[found.kept]
    assert float(measured.mean()) == pytest.approx(right, abs=0.03)


def test_what_is_kept_of_many_fits_together(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = _bank(3_000)
    monkeypatch.setattr(run, "MAX_COMPARED", 100)
    found = search(bank)
    assert found.held_out is not None
    assert len(found.kept) == len(found.examples.y) == found.held_out.log_proba.shape[1]
    np.testing.assert_array_equal(bank.y[found.kept], found.examples.y)


def test_streaming_gives_what_one_pass_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = _bank(2_000)
    monkeypatch.setattr(run, "MAX_COMPARED", 100)
    whole = search(bank).head
    monkeypatch.setattr(many, "CHUNK", 77)
    pieces = search(bank).head
    x = bank.vectors["default"][:50].astype(np.float32)
    np.testing.assert_allclose(pieces.proba(x), whole.proba(x), atol=1e-4)


def test_what_is_no_number_is_named_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = _bank(2_000)
    monkeypatch.setattr(run, "MAX_COMPARED", 100)
    compared = many.divide(bank.y, bank.groups, 0, 100).compared
    outside = int(np.setdiff1d(np.arange(2_000), compared)[700])
    bank.vectors["default"][outside, 3] = np.nan
    with pytest.raises(InvalidArgument, match=f"for example {outside}$"):
        search(bank)
