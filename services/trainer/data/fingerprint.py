"""The fingerprint of a text: so small that a whole data set of them fits into memory. Pure.

MinHash (Broder, 1997, "On the resemblance and containment of documents"): the texts are cut into
shingles, overlapping runs of words. Each of HASHES functions puts the shingles of a text in an
order of its own, and the fingerprint keeps the first of each. Two texts have the same first one as
often as they share shingles: with the probability |A and B| / |A or B|, their Jaccard index.

Case, punctuation, blanks and the width of letters count for nothing.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.errors import InvalidArgument

HASHES: Final = 128
"""The standard error of a Jaccard index of 0.8 is 0.035."""
SHINGLE: Final = 3
"""Words a shingle. A shorter text is one shingle: it is like those of the same words alone."""
FINGERPRINT_BYTES: Final = 4 * HASHES
_CHUNK: Final = 1_024  # shingles hashed at once: a megabyte
_TYPE: Final = np.dtype("<u4")
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x9FFF),  # Han
    (0x20000, 0x3FFFF),  # more Han
)
"""Scripts that put no blanks between words: each letter counts as a word."""

Fingerprints = NDArray[np.uint32]


def take(text: str) -> bytes:
    """The fingerprint of a text that is not blank: FINGERPRINT_BYTES, as `stack` reads them."""
    hashes = _hashes(_shingles(squeezed(text)))
    first = np.full(HASHES, np.iinfo(np.uint32).max, np.uint32)
    for start in range(0, len(hashes), _CHUNK):
        # Multiply-shift (Dietzfelbinger et al., 1997): the upper half of a x + b modulo 2^64.
        mixed = hashes[start : start + _CHUNK, None] * _FACTORS + _OFFSETS
        first = np.minimum(first, (mixed >> np.uint64(32)).min(axis=0).astype(np.uint32))
    return first.astype(_TYPE).tobytes()


def stack(taken: Sequence[bytes]) -> Fingerprints:
    """Fingerprints as uint32 [n, HASHES], read-only; InvalidArgument for another size."""
    wrong = next((len(one) for one in taken if len(one) != FINGERPRINT_BYTES), None)
    if wrong is not None:
        raise InvalidArgument(
            f"a fingerprint must have {FINGERPRINT_BYTES} bytes. Received: {wrong} bytes"
        )
    return np.frombuffer(b"".join(taken), _TYPE).reshape(-1, HASHES)


def squeezed(text: str) -> list[str]:
    """The words of a text and its symbols (an emoji, a plus): what is left of it without case,
    punctuation and blanks. All of a text that has nothing else is one word."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(map(_place, folded)).split() or [" ".join(text.split())]


@lru_cache(maxsize=4_096)
def _place(character: str) -> str:
    """A letter, a mark or a number as it is, what stands for a word between blanks, else one."""
    kind = unicodedata.category(character)[0]
    if kind == "S" or any(low <= ord(character) <= high for low, high in _UNSPACED):
        return f" {character} "
    return character if kind in "LMN" else " "


def _shingles(words: Sequence[str]) -> set[str]:
    last = max(len(words) - SHINGLE, 0)
    return {" ".join(words[start : start + SHINGLE]) for start in range(last + 1)}


def _hashes(shingles: set[str]) -> NDArray[np.uint64]:
    """64 bits of each, the same on every machine."""
    digests = [hashlib.blake2b(one.encode(), digest_size=8).digest() for one in shingles]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _constants(name: bytes) -> NDArray[np.uint64]:
    digests = [hashlib.blake2b(b"%s %d" % (name, n), digest_size=8).digest() for n in range(HASHES)]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


_FACTORS: Final = _constants(b"factor") | np.uint64(1)  # odd, so that no two hashes meet
_OFFSETS: Final = _constants(b"offset")
