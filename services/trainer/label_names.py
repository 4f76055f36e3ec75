"""The names of labels as texts: what `card_arrival` says of its class before any example does.

The words of a label, embedded as a text, count as one more example of its class where a search
finds that they tell something (search/naming.py). No template is put around them: with one they
said no more.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Final

from services.common.store import Store
from services.trainer.embeddings import EmbedderClient, Embeddings, Halves
from services.trainer.source import Source, caches

MAX_CLASSES: Final = 1_000
"""With more labels none is embedded."""
MAX_CODE: Final = 4
"""Letters of a label in capitals alone, such as NUM, that is taken for a code and no word."""
MAX_PER_CLASS: Final = 24
"""Of the median class: with more examples a name adds nothing that they do not say."""

_SEPARATORS = re.compile(r"[\W_]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words(label: str) -> str:
    """The words of a label, between single blanks: of "card_arrival", "cardArrival" and
    "card-arrival" the same two but for the capital. "" where no character is a letter, and of a
    code."""
    spoken = " ".join(_SEPARATORS.sub(" ", _HUMPS.sub(" ", label)).split())
    code = spoken.isupper() and len(spoken) <= MAX_CODE
    return spoken if any(map(str.isalpha, spoken)) and not code else ""


def texts(labels: Sequence[str], median_class: float) -> list[str]:
    """What to embed for labels whose median class has so many examples; nothing where any label
    has no words, or names are not worth it."""
    if len(labels) > MAX_CLASSES or median_class > MAX_PER_CLASS:
        return []
    spoken = [words(label) for label in labels]
    return spoken if all(spoken) else []


def embed(
    store: Store,
    project: str,
    client: EmbedderClient,
    source: Source,
    spoken: Sequence[str],
    tick: Callable[[int, int], None],
) -> dict[str, Halves]:
    """The vectors float16 [labels, dim] of texts at each endpoint of the source, by way of the
    cache that those of examples are in; raises what `tick` and Embeddings.vectors raise."""
    contents = [text.encode() for text in spoken]
    return (
        Embeddings(caches(store, project, source), client, source)
        .vectors(
            [hashlib.sha256(data).digest() for data in contents],
            [f"the label {text!r}" for text in spoken],
            lambda positions: [contents[position] for position in positions],
            progress=tick,
        )
        .vectors
    )
