"""What the search decided, in words that its own table bears out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.evaluate.decisions import decisions
from services.trainer.search.bank import Bank
from services.trainer.search.naming import NameTrial
from services.trainer.search.run import SearchResult, search


def _bank(*, told_early: bool) -> Bank:
    """Two classes that one of two endpoints tells apart; the other one is noise."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20).astype(np.int64)
    telling = (rng.normal(size=(40, 6)) + 2.5 * y[:, None]).astype(np.float32)
    noise = rng.normal(size=(40, 6)).astype(np.float32)
    early, late = (telling, noise) if told_early else (noise, telling)
    return Bank({"early": early, "default": late}, y, ("a", "b"), np.arange(40))


@pytest.fixture(scope="module")
def early() -> SearchResult:
    return search(_bank(told_early=True))


def _reason(result: SearchResult, subject: str) -> str:
    return next(found.reason for found in decisions(result) if found.subject == subject)


def test_the_cut_says_whether_earlier_layers_know_more(early: SearchResult) -> None:
    assert "Earlier layers know something" in _reason(early, "cut layer")
    late = search(_bank(told_early=False))
    assert _reason(late, "cut layer") != _reason(early, "cut layer")


def test_the_numbers_are_those_of_the_table(early: SearchResult) -> None:
    chosen = next(row for row in early.rows if row.chosen)
    assert f"Held-out loss {chosen.log_loss:.3f}" in _reason(early, "head")
    last = min(
        row.log_loss
        for row in early.rows
        if row.kind == "lda" and row.parameters["cut"] == "default" and row.log_loss is not None
    )
    assert f"{last:.3f} for the last layer alone" in _reason(early, "cut layer")


def test_views_are_decided_only_where_they_were_tried(early: SearchResult) -> None:
    assert "views" not in {found.subject for found in decisions(early)}
    bank = _bank(told_early=True)
    seen = search(replace(bank, views={"flip": dict(bank.vectors)}))
    assert "with mirror images" in _reason(seen, "views")


def test_nothing_is_said_where_nothing_was_measured() -> None:
    bank = _bank(told_early=True).part(np.array([0, 20]))
    assert decisions(search(bank)) == []


@pytest.mark.parametrize(
    ("right", "choice"), [(9, "one more example of each class"), (5, "not used")]
)
def test_the_names_of_labels_are_told_with_their_evidence(
    early: SearchResult, right: int, choice: str
) -> None:
    found = decisions(replace(early, names=NameTrial(right, 10, 2)))
    named = next(one for one in found if one.subject == "label names")
    assert named.choice == choice
    assert f"right about {right} of 10 examples; guessing, 5." in named.reason


def test_without_names_nothing_is_said_of_them(early: SearchResult) -> None:
    assert "label names" not in [one.subject for one in decisions(early)]
