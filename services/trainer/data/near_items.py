"""Examples nearly the same: in their pictures and in their words, as far as two have both. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.trainer.data.fingerprint import Fingerprints
from services.trainer.data.near_duplicates import Indices, Pairs, groups, near_duplicates
from services.trainer.data.near_texts import near_texts
from services.trainer.data.sketch import Sketches

S = TypeVar("S")

_NONE = -1


@dataclass(frozen=True)
class Seen(Generic[S]):
    """One part of the examples that have it: their numbers `[m]`, and its sketches, one each."""

    numbers: Indices
    sketches: S


def near_items(count: int, images: Seen[Sketches], texts: Seen[Fingerprints]) -> Pairs:
    """Pairs among `count` examples, each of which has an image, a text or both; first < second.

    Two that have both are near when their images are and their texts are: one picture under other
    words is another post. Of two that share only one part that one decides. Not every pair of a
    large group is named, but enough to hold it together.
    """
    of_image = _groups(count, images.numbers, _pairs_of_images(images))
    of_text = _groups(count, texts.numbers, _pairs_of_texts(texts))
    whole = (of_image != _NONE) & (of_text != _NONE)
    both = np.unique(np.stack([of_image, of_text], 1), axis=0, return_inverse=True)[1].reshape(-1)
    links = [_chain(np.where(whole, both, _NONE))]
    for mine, other in ((of_image, of_text), (of_text, of_image)):
        alone = np.unique(mine[(mine != _NONE) & (other == _NONE)])
        links.append(_chain(np.where(np.isin(mine, alone), mine, _NONE)))
    first, second = np.unique(np.concatenate(links, axis=1), axis=1)
    return Pairs(first, second, np.ones(len(first), np.float32))


def _pairs_of_images(seen: Seen[Sketches]) -> Pairs | None:
    return near_duplicates(seen.sketches) if len(seen.numbers) else None


def _pairs_of_texts(seen: Seen[Fingerprints]) -> Pairs | None:
    return near_texts(seen.sketches) if len(seen.numbers) else None


def _groups(count: int, numbers: Indices, pairs: Pairs | None) -> Indices:
    """The group of each example by one part, `[count]`; _NONE for those that lack it."""
    found = np.full(count, _NONE, np.int64)
    if pairs is not None:
        found[numbers] = groups(pairs, len(numbers))
    return found


def _chain(group: Indices) -> NDArray[np.int64]:
    """Each member of a group with the next one, [2, pairs]; those of _NONE with nobody."""
    order = np.argsort(group, kind="stable").astype(np.int64)
    order = order[group[order] != _NONE]
    joined = group[order[1:]] == group[order[:-1]]
    return np.stack([order[:-1][joined], order[1:][joined]])
