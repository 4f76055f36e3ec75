"""A training job of a detector: what it refuses, and what time its networks get."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from services.common.backbones import record
from services.trainer.detection import job

BACKBONE = backbone_pb2.Backbone(
    name="backbones/big",
    input_size=[224, 224],
    endpoints=record.endpoints_of({"middle": (14, 14, 96), "coarse": (7, 7, 320)}),
)


def test_too_many_pictures_are_refused_before_one_is_embedded() -> None:
    rows = [SimpleNamespace(size=(1000, 1000))] * 10_000
    things = [Truth.of([(0, 0, 500, 500)], [0])] * len(rows)
    material = SimpleNamespace(keys=[], paths=[], rows=rows, things=things, labels=("thing",))
    with pytest.raises(FailedPrecondition, match="fewer pictures"):
        job.look(cast("Any", None), cast("Any", material), BACKBONE, "", lambda done, total: None)
