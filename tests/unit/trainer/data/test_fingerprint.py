from __future__ import annotations

import numpy as np
import pytest

from graft.errors import InvalidArgument
from services.trainer.data.fingerprint import FINGERPRINT_BYTES, HASHES, squeezed, stack, take

WORDS = [f"w{n}" for n in range(400)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where IS my card?!", "where is my card"),
        ("  where\tis\n my\u00a0card ", "where is my card"),
        ("ＷＨＥＲＥ is my ﬁle", "where is my file"),
        ("don't re-enter", "don t re enter"),
        ("C++ at $5", "c + + at $ 5"),
        ("great \U0001f600", "great \U0001f600"),
        ("カード不明", "カ ー ド 不 明"),
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("...  !", "... !"),
        ("STRASSE straße", "strasse strasse"),
    ],
)
def test_what_counts_of_a_text(text: str, words: str) -> None:
    assert " ".join(squeezed(text)) == words


def test_a_fingerprint_is_of_one_size_and_the_same_every_time() -> None:
    assert len(take("hello")) == len(take("hello " * 5_000)) == FINGERPRINT_BYTES
    assert take("Hello, world")[:8].hex() == "c883d654971dce04"


@pytest.mark.parametrize("length", [30, 300])
@pytest.mark.parametrize("changed", [0, 1, 4, 10])
def test_equal_numbers_estimate_the_share_of_shingles(length: int, changed: int) -> None:
    one = WORDS[:length]
    other = [f"x{word}" if at % (length // 10) == 0 else word for at, word in enumerate(one)]
    other = other[: changed * (length // 10)] + one[changed * (length // 10) :]
    shingles = [
        {" ".join(words[at : at + 3]) for at in range(length - 2)} for words in (one, other)
    ]
    index = len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])
    first, second = stack([take(" ".join(one)), take(" ".join(other))])
    # Four standard errors of a share over HASHES trials.
    assert abs((first == second).mean() - index) <= 4 * np.sqrt(index * (1 - index) / HASHES)


def test_a_megabyte_is_hashed_in_pieces_to_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in rng.integers(0, 10**6, 5_000)]
    whole = stack([take(" ".join(words))])[0]
    halves = stack([take(" ".join(words[:2_502])), take(" ".join(words[2_500:]))])
    assert np.array_equal(halves.min(axis=0), whole)


def test_what_is_no_fingerprint_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"must have 512 bytes\. Received: 3"):
        stack([b"abc"])
