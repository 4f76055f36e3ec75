"""What an engine is: it runs one backbone on one device, a batch at a time.

Laws that every engine keeps, the fake one included (tests/contracts/test_engines.py):

- a batch is float32 [rows, *input_shape], or of texts an array of bytes [rows], UTF-8;
- `run` answers float32 [rows, dim] for each endpoint asked for and no other, in arrays of its own;
- an engine of maps has the spatial endpoints only and answers [rows, h, w, channels], whose mean
  over positions is the vector that the backbone's other engine answers, up to rounding; of texts
  they are the states [rows, tokens, channels], 0 where a text has no token any more;
- a row's vector depends on that row only, whatever the batch around it, up to rounding;
- `run` is called from one thread at a time, with a number of rows that is in `sizes`;
- after `warm`, no size in `sizes` costs a compilation any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.backbones.record import DEFAULT as DEFAULT
from services.embedder.batching.policy import Sizes

Batch = NDArray[np.float32] | NDArray[np.object_]
Item = NDArray[np.float32] | bytes
"""One row of a batch: an image or a feature map, or a text in UTF-8."""
Vectors = dict[str, NDArray[np.float32]]


class Engine(Protocol):
    """One backbone, ready to run."""

    @property
    def name(self) -> str:
        """`tensorflow` or `openvino`."""

    @property
    def sizes(self) -> Sizes:
        """The batch sizes it runs."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one item: (height, width, 3), a feature map's if it runs a tail, () of a
        text."""

    @property
    def dims(self) -> Mapping[str, int]:
        """The endpoints and the lengths of their last axis: of the vector, or of one position."""

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """Runs a batch. Raises Internal when the device fails."""

    def warm(self) -> None:
        """Runs every size once."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the settings say about engines."""

    kind: str = "auto"
    threads: int = 1
    gpu_memory_mib: int = 0
    max_batch: int = 32


def assemble(items: Sequence[Item], rows: int) -> Batch:
    """A batch of the items, and of zeros or empty texts behind them where the size is padded."""
    if isinstance(items[0], bytes):
        texts = np.full(rows, b"", object)
        texts[: len(items)] = items
        return texts
    batch = np.empty((rows, *items[0].shape), np.float32)
    np.stack(items, out=batch[: len(items)])
    batch[len(items) :] = 0.0
    return batch


def powers_of_two(largest: int) -> tuple[int, ...]:
    """1, 2, 4, ... and `largest` itself: few shapes to warm, at most twice the rows run."""
    powers = [1 << n for n in range(largest.bit_length()) if 1 << n < largest]
    return (*powers, largest)


def warm(engine: Engine, sizes: Sequence[int]) -> None:
    """The plain way to warm: a batch of zeros of each size, all endpoints."""
    for rows in sizes:
        engine.run(np.zeros((rows, *engine.input_shape), np.float32), tuple(engine.dims))
