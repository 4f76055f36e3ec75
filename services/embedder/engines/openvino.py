"""OpenVINO as an engine: the fast one on a CPU, in float32 wherever it serves."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from graft.errors import Internal
from services.embedder.batching.policy import Sizes
from services.embedder.engines.base import Batch, Vectors, powers_of_two, warm
from services.embedder.engines.quiet_openvino import ov
from services.networks.module import Module

# Beyond a few rows a CPU gains nothing and everybody in the batch waits longer.
_MAX_ROWS = 8

# Left to itself, OpenVINO computes in bfloat16 on CPUs that have it, at a cosine of 0.998.
_CONFIGURATION = {
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": "1",
}


class OpenvinoEngine:
    """Runs a module's frozen graph, compiled once for each batch size: fixed shapes are a fifth
    faster than an open one. Batches are cut down to a size, never padded: every row costs.
    What is not `exact` may be computed in bfloat16, as a teacher's features are.
    """

    name = "openvino"

    def __init__(
        self,
        module: Module,
        height: int,
        width: int,
        *,
        max_batch: int,
        threads: int,
        maps: bool = False,
        exact: bool = True,
    ) -> None:
        core = ov.Core()
        wanted = {**_CONFIGURATION, "INFERENCE_NUM_THREADS": str(threads)}
        if not exact:
            del wanted["INFERENCE_PRECISION_HINT"]
        core.set_property("CPU", wanted)
        function = module.spatial if maps else module.pooled
        model, self._outputs = _convert(core, function(height, width).get_concrete_function())
        self.input_shape = (height, width, module.channels)
        self.sizes = Sizes(powers_of_two(min(max_batch, _MAX_ROWS)), cut=True)
        self._requests = {
            rows: _compile(core, model, [rows, *self.input_shape]) for rows in self.sizes.sizes
        }
        self.dims = {
            name: list(model.output(index).partial_shape)[-1].get_length()
            for name, index in self._outputs.items()
        }

    def run(self, batch: Batch, endpoints: Sequence[str]) -> Vectors:
        """See Engine."""
        try:
            request = self._requests[len(batch)]
            request.infer([batch], share_inputs=True, share_outputs=True)
            # The request's own buffers are overwritten by its next run.
            return {
                name: request.get_output_tensor(self._outputs[name]).data.copy()
                for name in endpoints
            }
        except RuntimeError as error:
            raise Internal(f"OpenVINO failed on a batch of {len(batch)}: {error}") from error

    def warm(self) -> None:
        """See Engine."""
        warm(self, self.sizes.sizes)


def _convert(core: Any, graph: Any) -> tuple[Any, dict[str, int]]:
    """The OpenVINO model of a concrete function, and which of its outputs each endpoint is.

    The frozen graph goes through a file and `read_model`: unlike OpenVINO's Python converter this
    sends no usage statistics and takes a tenth of a second.
    """
    frozen = convert_variables_to_constants_v2(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.pb"
        path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
        model = core.read_model(path)
    endpoints = sorted(graph.structured_outputs)
    return model, {
        endpoint: _place(model, tensor.name)
        for endpoint, tensor in zip(endpoints, frozen.outputs, strict=True)
    }


def _place(model: Any, tensor: str) -> int:
    """Which output of the model a tensor is. Equal outputs were merged and carry all their names;
    one that is the input passed on, as the cut of a tail is, has the input's name alone."""
    names = [output.get_names() for output in model.outputs]
    for wanted in ({tensor}, model.input().get_names()):
        for place, known in enumerate(names):
            if known & wanted:
                return place
    raise RuntimeError(f"OpenVINO's model has no output {tensor}; it has {names}")


def _compile(core: Any, model: Any, shape: list[int]) -> Any:
    fixed = model.clone()
    fixed.reshape(shape)
    return core.compile_model(fixed, "CPU").create_infer_request()
