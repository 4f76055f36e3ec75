"""A backbone at another input size, as the catalogue would tell it."""

from __future__ import annotations

from typing import Any

import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import InvalidArgument
from services.common.backbones import record
from services.embedder.preprocess import parse
from services.embedder.sized import MAX_SIDE, sized

LINE = "rgb|resize(224,224,'bilinear','antialias')|scale(-1.0,1.0)"


def backbone(**fields: Any) -> backbone_pb2.Backbone:
    shapes = {"stride8": (28, 28, 32), "stride32": (7, 7, 320), "default": (1280,)}
    made = backbone_pb2.Backbone(
        name="backbones/big",
        digest="d",
        modality=backbone_pb2.MODALITY_IMAGE,
        input_size=[224, 224],
        preprocessing=LINE,
        endpoints=record.endpoints_of(shapes),
    )
    made.MergeFrom(backbone_pb2.Backbone(**fields))
    return made


def test_maps_grow_with_the_input_and_vectors_do_not() -> None:
    made = sized(backbone(), [320, 640])
    shapes = {one.name: tuple(one.shape) for one in made.endpoints}
    assert shapes == {"stride8": (40, 80, 32), "stride32": (10, 20, 320), "default": (1280,)}
    assert list(made.input_size) == [320, 640]
    read = parse(made.preprocessing)
    assert (read.height, read.width, read.low, read.high) == (320, 640, -1.0, 1.0)
    assert made.digest == "d"


def test_no_size_and_the_own_size_leave_the_backbone_as_it_is() -> None:
    own = backbone()
    assert sized(own, []) is own
    assert sized(own, [224, 224]) is own
    assert list(own.input_size) == [224, 224]


@pytest.mark.parametrize("size", [[320], [320, 320, 3], [0, 320], [320, 300], [MAX_SIDE + 32, 64]])
def test_other_sizes_are_refused_with_the_limits(size: list[int]) -> None:
    with pytest.raises(InvalidArgument, match=r"multiples of 32 from 32 to 1024; got \[") as caught:
        sized(backbone(), size)
    assert caught.value.field == "input_size"


def test_texts_and_tails_have_no_other_size() -> None:
    with pytest.raises(InvalidArgument, match="reads no images"):
        sized(backbone(modality=backbone_pb2.MODALITY_TEXT), [320, 320])
    with pytest.raises(InvalidArgument, match="is a tuned tail"):
        sized(backbone(trunk="backbones/a@b"), [320, 320])
