from __future__ import annotations

import pytest

from services.trainer.evaluate.proto import Source
from services.trainer.evaluate.shortcut_findings import shortcut_findings
from services.trainer.evaluate.shortcuts import BACKGROUND, MARK, Shortcut

SOURCES = [Source(f"{n}.jpg", f"{n:064x}") for n in range(9)]


@pytest.mark.parametrize(
    ("left", "top", "words"),
    [
        (0.0, 0.0, "in the upper left corner"),
        (0.9, 0.0, "in the upper right corner"),
        (0.0, 0.9, "in the lower left corner"),
        (0.45, 0.9, "in the lower middle"),
        (0.45, 0.45, "in the middle"),
        (0.9, 0.45, "in the right middle"),
    ],
)
def test_a_mark_is_told_with_its_place_and_what_to_do(left: float, top: float, words: str) -> None:
    shortcut = Shortcut(1, MARK, left, top, 0.1, 0.1, 0.83, (4, 2))
    (found,) = shortcut_findings([shortcut], ["cat", "dog"], SOURCES).shortcuts
    assert words in found.sentence
    assert "gives dog away: 83% of its pictures" in found.sentence
    assert (found.label, found.kind, found.strength) == ("dog", "mark", 0.83)
    assert (found.left, found.top, found.width, found.height) == (left, top, 0.1, 0.1)
    assert list(found.sha256) == [SOURCES[4].sha256, SOURCES[2].sha256]


def test_a_background_is_told_with_what_to_do() -> None:
    shortcut = Shortcut(0, BACKGROUND, 0, 0, 1, 1, 0.97, (1,))
    (found,) = shortcut_findings([shortcut], ["cat"], SOURCES).shortcuts
    assert "The background gives cat away: 97%" in found.sentence
    assert "add pictures of cat in other places" in found.sentence
