"""Which requests for feature maps can be met, found from the catalogue alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from graft.channel import MAX_MESSAGE_BYTES
from graft.embedder.v1 import backbone_pb2
from graft.errors import InvalidArgument, ResourceExhausted
from services.common.backbones import record
from services.embedder import maps, stream

SHAPES: dict[str, Iterable[int]] = {
    "default": (1280,),
    "stride16": (14, 14, 96),
    "stride32": (7, 7, 320),
}


def backbone(shapes: dict[str, Iterable[int]] = SHAPES) -> backbone_pb2.Backbone:
    return backbone_pb2.Backbone(name="backbones/big", endpoints=record.endpoints_of(shapes))


def test_spatial_endpoints_are_those_with_three_axes() -> None:
    assert maps.shapes_of(backbone()) == {"stride16": (14, 14, 96), "stride32": (7, 7, 320)}


def test_what_fits_passes() -> None:
    maps.check(backbone(), ("stride16", "stride32"), np.float32, items=100)


def test_an_endpoint_without_a_map_is_named_with_those_that_have_one() -> None:
    with pytest.raises(InvalidArgument, match=r"stride16, stride32; got 'default'") as caught:
        maps.check(backbone(), ("stride16", "default"), np.float32, items=1)
    assert caught.value.field == "endpoints[1]"
    with pytest.raises(InvalidArgument, match=r"are: none; got 'default'"):
        maps.check(backbone({"default": (6,)}), ("default",), np.float32, items=1)


def test_an_answer_is_bounded_in_bytes_and_half_precision_halves_it() -> None:
    each = (14 * 14 * 96 + 7 * 7 * 320) * 4
    most = maps.MAX_ANSWER_BYTES // each
    wanted = ("stride16", "stride32")
    maps.check(backbone(), wanted, np.float32, items=most)
    with pytest.raises(ResourceExhausted, match=r"16777216 bytes.*half precision") as caught:
        maps.check(backbone(), wanted, np.float32, items=most + 1)
    assert caught.value.reason == "REQUEST_TOO_LARGE"
    assert caught.value.metadata == {"limit": "16777216", "unit": "bytes"}
    maps.check(backbone(), wanted, np.float16, items=most + 1)


def test_an_item_of_a_stream_has_its_own_bound() -> None:
    with pytest.raises(ResourceExhausted, match=r"1048576 bytes"):
        maps.check(
            backbone({"stride2": (112, 112, 32)}),
            ("stride2",),
            np.float32,
            items=1,
            most_bytes=maps.MAX_STREAMED_BYTES,
        )


def test_what_is_inside_at_once_is_bounded_in_memory_and_a_request_fits_or_is_refused() -> None:
    huge = backbone({"stride2": (256, 256, 64)})
    assert maps.room(huge) == maps.MEMORY_BYTES // (256 * 256 * 64 * 4)
    with pytest.raises(ResourceExhausted, match=r"16 items") as caught:
        maps.check(huge, ("stride2",), np.float16, items=17)
    assert caught.value.metadata == {"limit": "16", "unit": "items"}
    assert maps.room(backbone({"stride1": (8192, 8192, 64)})) == 1
    assert maps.room(backbone({"default": (6,)})) > 1000


def test_the_bounds_keep_well_within_a_message() -> None:
    assert maps.MAX_ANSWER_BYTES < MAX_MESSAGE_BYTES
    assert maps.MAX_STREAMED_BYTES * stream.WINDOW <= MAX_MESSAGE_BYTES
