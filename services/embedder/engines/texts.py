"""TensorFlow as the engine of texts, the only one: OpenVINO has no operations on strings.

A batch is run in parts of texts about as long as each other, since within a part every text is
padded to the longest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from graft.errors import Internal
from services.embedder.batching.policy import Sizes
from services.embedder.engines.base import Batch, Vectors
from services.networks.saved_tail import StatesModule
from services.networks.text_module import TextModule, load_text_module

MAX_STATE_ROWS: Final = 16
"""Rows of a batch of states, which are large."""

_LONG_BYTES: Final = 2_000  # about what a network of 256 or 512 pieces reads: none is longer to it
_SLACK_BYTES: Final = 40
_STRETCH: Final = 1.5
_MOST_BYTES: Final = 16_000  # of a part: 8 long texts keep a device as busy as 32, in less memory


class TextEngine:
    """Runs a module's graph with all endpoints in one trace, which leaves the number of rows and
    of tokens open: nothing is retraced. A batch is an array of bytes, UTF-8."""

    name = "tensorflow"
    input_shape: tuple[int, ...] = ()

    def __init__(self, module: TextModule, *, max_batch: int, maps: bool = False) -> None:
        self._module = module  # TensorFlow frees the variables when nobody holds the module
        self._graph = (module.states if maps else module.pooled)().get_concrete_function()
        largest = min(max_batch, MAX_STATE_ROWS) if maps else max_batch
        self.sizes = Sizes(tuple(range(1, largest + 1)), cut=False)
        outputs: Mapping[str, Any] = self._graph.structured_outputs
        self.dims = {name: int(spec.shape[-1]) for name, spec in outputs.items()}

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """See Engine."""
        parts = alike([len(text) for text in batch])
        try:
            found = [self._run(batch[part], endpoints) for part in parts]
        except tf.errors.OpError as error:
            text = f"TensorFlow failed on a batch of {len(batch)} texts"
            raise Internal(f"{text}: {error.message[:500]}") from error
        return {name: _together(parts, [each[name] for each in found]) for name in endpoints}

    def warm(self) -> None:
        """See Engine. Nothing is compiled for a size: short and long texts, one and many."""
        for rows in (1, self.sizes.largest):
            for words in (1, 20, 500):
                texts = np.array([b"word " * words] * rows, object)
                self.run(texts, tuple(self.dims))

    def _run(self, texts: Batch, endpoints: Sequence[str]) -> Vectors:
        outputs = self._graph(tf.constant(texts, tf.string))
        return {name: outputs[name].numpy() for name in endpoints}


class StatesEngine:
    """Runs the tail of a network of texts; a batch is float32 [rows, tokens, width], states at its
    cut."""

    name = "tensorflow"

    def __init__(self, module: StatesModule, *, max_batch: int) -> None:
        self._module = module
        self._graph = module.pooled().get_concrete_function()
        self.sizes = Sizes(tuple(range(1, max_batch + 1)), cut=False)
        self.input_shape: tuple[int, ...] = (1, module.width)
        outputs: Mapping[str, Any] = self._graph.structured_outputs
        self.dims = {name: int(spec.shape[-1]) for name, spec in outputs.items()}

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """See Engine."""
        try:
            outputs = self._graph(tf.constant(batch))
        except tf.errors.OpError as error:
            text = f"TensorFlow failed on the states of {len(batch)} texts"
            raise Internal(f"{text}: {error.message[:500]}") from error
        return {name: outputs[name].numpy() for name in endpoints}

    def warm(self) -> None:
        """See Engine. Nothing is compiled for a size."""
        for tokens in (1, 20):
            self.run(np.ones((1, tokens, self._module.width), np.float32), tuple(self.dims))


def alike(lengths: Sequence[int]) -> list[list[int]]:
    """Which places of a batch run together, by the length of their texts in bytes, ascending."""
    parts: list[list[int]] = []
    shortest = room = 0
    for place in sorted(range(len(lengths)), key=lambda each: lengths[each]):
        length = min(lengths[place], _LONG_BYTES)
        if not parts or length > _STRETCH * shortest + _SLACK_BYTES or room < length:
            parts.append([])
            shortest = length
        parts[-1].append(place)
        room = _MOST_BYTES - len(parts[-1]) * length
    return parts


def _together(parts: Sequence[Sequence[int]], found: Sequence[Any]) -> Any:
    """The rows of all parts in the order of the batch; states padded to the longest."""
    longest = np.max([each.shape[1:] for each in found], axis=0)
    rows = np.zeros((sum(map(len, parts)), *longest), np.float32)
    for places, each in zip(parts, found, strict=True):
        rows[places, : each.shape[1]] = each
    return rows


def load_text_engine(folder: Path, *, max_batch: int, maps: bool) -> TextEngine:
    """Loads the SavedModel in `folder` and warms its engine. Raises FailedPrecondition."""
    engine = TextEngine(load_text_module(folder), max_batch=max_batch, maps=maps)
    engine.warm()
    return engine
