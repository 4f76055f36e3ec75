"""Which examples are nearly the same where some have an image, some a text, and some both."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.data import fingerprint
from services.trainer.data.near_duplicates import groups
from services.trainer.data.near_items import Seen, near_items
from tests.support.copies import copies, jpeg, scene, sketches

FIRST, SECOND = scene(1), scene(2)
COPY = copies(FIRST)["mirrored"]
HELLO, AGAIN, OTHER = "Hello, how are you?", "hello how are you", "the train leaves at nine"

Item = tuple[bytes | None, str | None]


def together(items: list[Item]) -> list[int]:
    """The group of each, numbered as they come."""
    images = [(n, image) for n, (image, _) in enumerate(items) if image is not None]
    texts = [(n, text) for n, (_, text) in enumerate(items) if text is not None]
    pairs = near_items(
        len(items),
        Seen(np.array([n for n, _ in images], np.int64), sketches([each for _, each in images])),
        Seen(
            np.array([n for n, _ in texts], np.int64),
            fingerprint.stack([fingerprint.take(each) for _, each in texts]),
        ),
    )
    assert (pairs.first < pairs.second).all()
    found = groups(pairs, len(items)).tolist()
    return [found.index(each) for each in found]


@pytest.mark.parametrize(
    ("items", "group"),
    [
        ([(jpeg(FIRST), HELLO), (COPY, AGAIN)], [0, 0]),
        ([(jpeg(FIRST), HELLO), (COPY, OTHER)], [0, 1]),
        ([(jpeg(FIRST), HELLO), (jpeg(SECOND), AGAIN)], [0, 1]),
        ([(jpeg(FIRST), HELLO), (COPY, None), (COPY, OTHER)], [0, 0, 0]),
        ([(jpeg(FIRST), HELLO), (None, AGAIN), (COPY, None)], [0, 0, 0]),
        ([(jpeg(FIRST), None), (None, HELLO)], [0, 1]),
        ([(None, HELLO), (None, OTHER), (None, AGAIN)], [0, 1, 0]),
        ([(jpeg(FIRST), None), (jpeg(SECOND), None), (COPY, None)], [0, 1, 0]),
    ],
)
def test_two_are_near_when_every_part_is_that_both_have(
    items: list[Item], group: list[int]
) -> None:
    assert together(items) == group
