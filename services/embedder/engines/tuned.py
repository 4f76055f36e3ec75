"""A tuned tail as an engine: the trunk's map, or states of texts, at the cut, then the tail.

All tails of one trunk and one cut run the same engine of the trunk (services/embedder/loading.py),
so that its weights are in memory once however many models were tuned; it computes no further than
the cut.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graft.embedder.v1 import backbone_pb2
from graft.errors import DataLoss, FailedPrecondition
from services.embedder.batching.policy import Sizes
from services.embedder.engines.base import Batch, Engine, EngineOptions, Vectors
from services.embedder.engines.choose import choose_engine
from services.embedder.engines.texts import StatesEngine, TextEngine
from services.networks import saved_tail
from services.networks.module import load_module
from services.networks.text_module import load_text_module


class TunedEngine:
    """Two engines in a row. The trunk's may be shared: engines run in one thread, one at a time."""

    def __init__(self, trunk: Engine, cut: str, tail: Engine) -> None:
        self._trunk = trunk
        self._cut = cut
        self._tail = tail
        self.name = tail.name
        # Either may have fallen back to TensorFlow, which runs every size that the other does.
        sizes = (trunk.sizes, tail.sizes)
        self.sizes: Sizes = min(sizes, key=lambda each: (each.largest, len(each.sizes)))
        self.input_shape = trunk.input_shape
        self.dims: Mapping[str, int] = tail.dims

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """See Engine."""
        maps = self._trunk.run(batch, (self._cut,))[self._cut]
        return self._tail.run(maps, endpoints)

    def warm(self) -> None:
        """See Engine; both were warmed when they were chosen."""


def cut_of(backbone: backbone_pb2.Backbone) -> str:
    """The endpoint at which a tail was cut. Raises FailedPrecondition where there are several."""
    if len(backbone.cut) == 1:
        return str(backbone.cut[0])
    raise FailedPrecondition(
        f"{backbone.name}: a tail is cut at one endpoint; train the model again; got"
        f" {list(backbone.cut)}",
        reason="BACKBONE_UNUSABLE",
        metadata={"missing": "cut"},
    )


def load_tail(
    folder: Path,
    backbone: backbone_pb2.Backbone,
    trunk: Engine,
    *,
    options: EngineOptions,
    maps: bool = False,
) -> TunedEngine:
    """The engine of the tail in `folder` behind the engine of its trunk.

    Raises FailedPrecondition when the tail is unusable, DataLoss when it does not fit the trunk.
    """
    cut = cut_of(backbone)
    if backbone.modality == backbone_pb2.MODALITY_TEXT:
        states = saved_tail.load_states(folder)
        _check_fit(backbone, trunk, cut, states.width)
        return TunedEngine(trunk, cut, StatesEngine(states, max_batch=trunk.sizes.largest))
    module = saved_tail.load(folder)
    height, width, channels = (side or 0 for side in module.input_shape)
    _check_fit(backbone, trunk, cut, channels)
    tail = choose_engine(
        module, height=height, width=width, options=options, name=backbone.name, maps=maps
    )
    return TunedEngine(trunk, cut, tail)


def _check_fit(backbone: backbone_pb2.Backbone, trunk: Engine, cut: str, channels: int) -> None:
    if trunk.dims[cut] != channels:
        text = f"{backbone.name} takes {channels} channels at {cut}; train the model again"
        raise DataLoss(f"{text}; got {trunk.dims[cut]} from {backbone.trunk}")


def load_trunk(folder: Path, backbone: backbone_pb2.Backbone, *, options: EngineOptions) -> Engine:
    """The engine of maps that runs the trunk of a tail, the SavedModel in `folder`, to the cut.

    Raises FailedPrecondition when it is unusable, DataLoss when it has no such endpoint.
    """
    cut = cut_of(backbone)

    def only(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def run(items: Any) -> dict[str, Any]:
            outputs = call(items)
            if cut not in outputs:
                text = f"{backbone.trunk} has no endpoint {cut!r}, at which {backbone.name} was cut"
                raise DataLoss(f"{text}; train the model again; got {sorted(outputs)}")
            return {cut: outputs[cut]}

        return run

    if backbone.modality == backbone_pb2.MODALITY_TEXT:
        texts = load_text_module(folder)
        engine = TextEngine(
            dataclasses.replace(texts, call=only(texts.call)),
            max_batch=options.max_batch,
            maps=True,
        )
        engine.warm()
        return engine
    module = load_module(folder)
    height, width = backbone.input_size
    return choose_engine(
        dataclasses.replace(module, call=only(module.call)),
        height=height,
        width=width,
        options=options,
        name=f"{backbone.trunk} up to {cut}",
        maps=True,
    )
