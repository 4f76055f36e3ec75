"""From a text to a backbone's input, as one line of text: `text`, or `text|pieces(256)`.

The network splits a text itself; the line says how much of it is read, where that is known: as many
word pieces, the two that mark its ends included. What comes after is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from graft.content import MAX_TEXT_BYTES
from graft.errors import InvalidArgument, ResourceExhausted
from services.embedder.views import AS_IT_IS, View

_LINE: Final = re.compile(r"text(?:\|pieces\(([1-9][0-9]{0,6})\))?")


@dataclass(frozen=True, slots=True)
class TextIntake:
    """`pieces`: the most word pieces that are read; 0 where that is not known."""

    pieces: int = 0

    def __str__(self) -> str:
        return f"text|pieces({self.pieces})" if self.pieces else "text"

    def __call__(self, text: bytes, view: View) -> bytes:
        """Checks a text in UTF-8. Raises InvalidArgument, ResourceExhausted (TEXT_TOO_LARGE)."""
        if view is not AS_IT_IS:
            raise InvalidArgument("a text has no views; leave view empty", field="view")
        if len(text) > MAX_TEXT_BYTES:
            raise ResourceExhausted(
                f"a text may have {MAX_TEXT_BYTES} bytes; send its beginning; got {len(text)}",
                reason="TEXT_TOO_LARGE",
                metadata={"limit": str(MAX_TEXT_BYTES), "unit": "bytes"},
            )
        return text


def parse(line: str) -> TextIntake:
    """Reads the line; `str` of the answer is its canonical form."""
    found = _LINE.fullmatch(line)
    if found is None:
        text = "the preprocessing of texts must be text or text|pieces(N)"
        raise InvalidArgument(f"{text}; got {line!r}", field="preprocessing")
    return TextIntake(int(found[1] or 0))
