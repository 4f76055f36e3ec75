"""How sentence-transformers' answers are kept: small, and enough to tell a difference.

Vectors are kept through a random projection to a third of their numbers: by the lemma of Johnson
and Lindenstrauss (1984) what differs by a part in a hundred before differs by about as much after.
Word pieces are kept as checksums. Only NumPy is needed, as this also runs beside the reference.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("minilm.npz")
TEXTS = 1000
LAYERED = 100
"""Of the texts, from the end, those of which the mean of every layer is kept."""
WIDTH, KEPT, KEPT_OF_A_LAYER = 384, 128, 16
BLOCK = 4096
"""Characters that share a checksum."""


def project(vectors: NDArray[np.float32], kept: int) -> NDArray[np.float32]:
    """[..., WIDTH] -> [..., kept]; the stream of RandomState is the same in every NumPy."""
    matrix = np.random.RandomState(0).standard_normal((WIDTH, KEPT))[:, :kept] / np.sqrt(kept)
    projected: NDArray[np.float32] = (vectors @ matrix).astype(np.float32)
    return projected


def checksum(rows: Iterable[Sequence[int]]) -> int:
    """Of word pieces by identifier, a row a text."""
    found = 0
    for row in rows:
        found = zlib.crc32(np.asarray([len(row), *row], "<i4").tobytes(), found)
    return found


def blocks() -> Iterator[list[str]]:
    """Every character of Unicode but the surrogates, each within a word, BLOCK of them a time."""
    for start in range(0, 0x110000, BLOCK):
        points = range(start, start + BLOCK)
        yield [f"a{chr(point)}b" for point in points if not 0xD800 <= point <= 0xDFFF]
