"""Very many examples: compared on a part, fitted to all."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import InvalidArgument
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
    found = many.divide(y, 0, 540)
    assert not np.intersect1d(found.compared, found.held_out).size
    assert set(y[found.compared]) == {0, 1, 2}
    assert 500 <= len(found.compared) <= 560
    assert (np.diff(found.compared) > 0).all()
    assert (np.diff(found.held_out) > 0).all()


def test_a_division_is_the_same_for_the_same_seed() -> None:
    y = (np.arange(3_000) % 5).astype(np.int64)
    first, second, other = (many.divide(y, seed, 500) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.compared, second.compared)
    assert not np.array_equal(first.compared, other.compared)


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
    part = search(bank.part(many.divide(bank.y, 0, 100).compared)).head
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
    outside = int(np.setdiff1d(np.arange(2_000), many.divide(bank.y, 0, 100).compared)[700])
    bank.vectors["default"][outside, 3] = np.nan
    with pytest.raises(InvalidArgument, match=f"for example {outside}$"):
        search(bank)
