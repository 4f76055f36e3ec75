"""TensorFlow as an engine: the reference on a CPU, and the engine on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from graft.errors import Internal
from services.embedder.batching.policy import Sizes
from services.embedder.engines import runtime
from services.embedder.engines.base import Batch, Vectors, powers_of_two, warm
from services.networks.module import Module


class TensorflowEngine:
    """Runs a module's graph with all endpoints in one trace.

    The traced shape leaves the number of rows open, so nothing is retraced. On a CPU every size
    runs as it is; a GPU picks its algorithms anew for each shape, so batches are padded to few.
    """

    name = "tensorflow"

    def __init__(
        self, module: Module, height: int, width: int, *, max_batch: int, maps: bool = False
    ) -> None:
        self._module = module  # TensorFlow frees the variables when nobody holds the module
        self.maps = maps
        function = module.spatial if maps else module.pooled
        self._graph = function(height, width).get_concrete_function()
        self.input_shape = (height, width, module.channels)
        self._padded = runtime.uses_gpu()
        sizes = powers_of_two(max_batch) if self._padded else tuple(range(1, max_batch + 1))
        self.sizes = Sizes(sizes, cut=False)
        outputs: Mapping[str, Any] = self._graph.structured_outputs
        self.dims = {name: int(spec.shape[-1]) for name, spec in outputs.items()}

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """See Engine."""
        try:
            outputs = self._graph(tf.constant(batch))
            return {name: outputs[name].numpy() for name in endpoints}
        except tf.errors.OpError as error:
            text = f"TensorFlow failed on a batch of {len(batch)}"
            raise Internal(f"{text}: {error.message[:500]}") from error

    def warm(self) -> None:
        """See Engine. On a CPU a few sizes are enough: nothing is compiled for one."""
        warm(self, self.sizes.sizes if self._padded else (1, self.sizes.largest))
