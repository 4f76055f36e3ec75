"""A fake backbone: a network small enough to be written down twice.

`FakeEngine` computes in NumPy what the SavedModels of tests/support/savedmodel.py compute in
TensorFlow; both run through tests/contracts/test_engines.py.

    map      = relu(mean over 4x4 blocks of (images @ KERNEL))      [N, H/4, W/4, 8]
    default  = mean over positions of map @ MIXER                    [N, 6]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from graft.errors import Internal
from services.embedder.batching.policy import Sizes
from services.embedder.engines.base import Batch, Vectors

SIDE = 32
_rng = np.random.default_rng(96)
KERNEL = _rng.standard_normal((3, 8)).astype(np.float32)
MIXER = _rng.standard_normal((8, 6)).astype(np.float32)
POISON = 0.8125
"""A value that makes a batch fail when it stands first in an item."""


class FakeEngine:
    """In NumPy. A test may hold its runs up with `gate`, and hear of each with `on_run`."""

    name = "fake"

    def __init__(self, *, sizes: Sizes | None = None, side: int = SIDE, maps: bool = False) -> None:
        self.dims = {"map": 8} if maps else {"default": 6, "map": 8}
        self._maps = maps
        self.sizes = sizes or Sizes((1, 2, 4, 8), cut=False)
        self.input_shape = (side, side, 3)
        self.batches: list[int] = []
        self.gate: threading.Event | None = None
        self.on_run: Callable[[Batch], object] | None = None

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """See Engine; raises Internal for a batch with a poisoned item."""
        self.batches.append(len(batch))
        if self.on_run is not None:
            self.on_run(batch)
        if self.gate is not None and not self.gate.wait(10):
            raise TimeoutError("the test never opened the gate")
        if (batch[:, 0, 0, 0] == np.float32(POISON)).any():
            raise Internal("poisoned")
        found = _spatial(batch) if self._maps else _pooled(batch)
        return {name: found[name] for name in endpoints}

    def warm(self) -> None:
        """See Engine."""


def _spatial(images: Batch) -> Vectors:
    count, height, width, _ = images.shape
    blocks = (images @ KERNEL).reshape(count, height // 4, 4, width // 4, 4, 8)
    return {"map": np.maximum(blocks.mean(axis=(2, 4)), 0.0)}


def _pooled(images: Batch) -> Vectors:
    pooled = _spatial(images)["map"].mean(axis=(1, 2), dtype=np.float32)
    return {"default": pooled @ MIXER, "map": pooled}


def item(seed: int, side: int = SIDE) -> Batch:
    """float32 [side, side, 3]."""
    return np.random.default_rng(seed).random((side, side, 3), dtype=np.float32)


def poisoned(side: int = SIDE) -> Batch:
    """An item that no engine can run."""
    bad = item(0, side)
    bad[0, 0, 0] = POISON
    return bad
