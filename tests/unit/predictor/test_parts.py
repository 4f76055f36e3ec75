"""Items taken apart, and what comes back put where it belongs."""

from __future__ import annotations

import numpy as np
import pytest

from graft.common.v1 import content_pb2
from graft.errors import InvalidArgument, Unavailable
from services.predictor.parts import give, plain

IMAGE = content_pb2.Content(image=b"pixels")
TEXT = content_pb2.Content(text="words")
BOTH = content_pb2.Content(image=b"pixels", text="words")
ITEMS = [TEXT, BOTH, IMAGE]


def test_each_part_is_given_of_the_items_that_have_it() -> None:
    images, texts = give(ITEMS, "image"), give(ITEMS, "text")
    assert (images.positions, list(images.contents)) == ((1, 2), [IMAGE, IMAGE])
    assert (texts.positions, list(texts.contents)) == ((0, 1), [TEXT, TEXT])
    assert give(ITEMS, "").contents is ITEMS


def test_a_text_or_an_image_of_nothing_is_a_part_all_the_same() -> None:
    empty = content_pb2.Content(image=b"", text="")
    assert give([empty], "image").positions == give([empty], "text").positions == (0,)


def test_an_item_of_nothing_is_an_error_that_names_it() -> None:
    with pytest.raises(InvalidArgument) as caught:
        give([BOTH, content_pb2.Content()], "text")
    assert caught.value.field == "items[1]"


def test_vectors_come_back_to_their_items_and_zeros_to_the_others() -> None:
    vectors = np.array([[1, 2], [3, 4]], np.float32)
    found = give(ITEMS, "image").spread(vectors)
    np.testing.assert_array_equal(found, [[0, 0], [1, 2], [3, 4]])
    assert found.dtype == np.float32


def test_an_error_about_a_part_names_the_item_that_it_is_of() -> None:
    given = give(ITEMS, "image")
    error = given.named(InvalidArgument("items[1]: it is damaged", field="items[1].image"))
    assert (error.message, error.field) == ("items[2]: it is damaged", "items[2].image")
    for other in (Unavailable("away"), InvalidArgument("what?", field="items[9]")):
        assert given.named(other) is other


@pytest.mark.parametrize(
    ("items", "kind", "found"),
    [
        ([IMAGE, IMAGE], "image", ""),
        ([TEXT], "text", ""),
        ([IMAGE, BOTH], "image", "image"),
        ([IMAGE, TEXT], "image", "image"),
        ([BOTH], "", ""),
    ],
)
def test_items_that_are_all_of_one_part_are_given_as_they_are(
    items: list[content_pb2.Content], kind: str, found: str
) -> None:
    assert plain(items, kind) == found  # type: ignore[arg-type]
