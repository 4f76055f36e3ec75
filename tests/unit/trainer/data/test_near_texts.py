"""Texts nearly the same are found, others are not, and order is no matter."""

from __future__ import annotations

import numpy as np

from services.trainer.data.fingerprint import stack, take
from services.trainer.data.near_duplicates import groups
from services.trainer.data.near_texts import near_texts


def grouped(*texts: str) -> list[int]:
    found = groups(near_texts(stack([take(text) for text in texts])), len(texts))
    return [int(group) for group in found]


def prose(seed: int, words: int = 120) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"word{n}" for n in rng.zipf(1.3, words).clip(max=3_000)]


def test_case_blanks_and_punctuation_make_no_other_text() -> None:
    found = grouped("Where is my card?", "where is my card", "  WHERE\nIS MY CARD!! ", "my card is")
    assert found[0] == found[1] == found[2] != found[3]


def test_one_word_makes_another_text_of_a_short_one() -> None:
    assert len(set(grouped("turn on the light", "turn off the light", "turn on the lights"))) == 3


def test_a_long_text_with_a_few_words_changed_is_a_copy() -> None:
    text = prose(1)
    edited = [*text[:40], "another", *text[41:90], "more", *text[90:]]
    one, other, stranger = grouped(" ".join(text), " ".join(edited), " ".join(prose(2)))
    assert one == other != stranger


def test_a_large_group_hangs_together_and_each_pair_is_named_once() -> None:
    text = prose(3)
    edits = [" ".join([*text[:n], "edit", *text[n + 1 :]]) for n in range(0, 100, 5)]
    pairs = near_texts(stack([take(one) for one in [*edits, edits[0], "alone", edits[0].upper()]]))
    found = groups(pairs, len(edits) + 3)
    assert len(set(found.tolist())) == 2
    assert found[-2] not in found[[0, -1]]
    assert (pairs.first < pairs.second).all()
    assert len({*zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)}) == len(pairs.first)
    assert pairs.score.min() >= 0.8


def test_strangers_are_no_copies_however_many() -> None:
    assert len(set(grouped(*(" ".join(prose(n, 30)) for n in range(300))))) == 300


def test_one_text_or_none_has_no_pair() -> None:
    assert grouped("alone") == [0]
    assert grouped() == []
