"""A tuned tail at rest: a SavedModel whose input is not an item but its activations at the cut.

`obj.endpoints(*activations)` answers {endpoint: tensor}, not averaged, as `Tail.call` does with the
same weights; `obj(*activations)` the vector alone. What it is the tail of, and where it was cut,
stands in its record, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from graft.errors import FailedPrecondition
from services.common.backbones.record import DEFAULT
from services.networks.cut import Tail
from services.networks.module import Module
from services.networks.pooling import pooled


class _SavedTail(tf.Module):  # type: ignore[misc]
    """Weights and two functions of the activations."""

    def __init__(self, tail: Tail, weights: Sequence[NDArray[Any]]) -> None:
        super().__init__()
        self.weights = [tf.Variable(value) for value in weights]
        signature = list(tail.specs)

        def endpoints(*activations: Any) -> dict[str, Any]:
            return tail.call(activations, [tf.identity(weight) for weight in self.weights])

        def vector(*activations: Any) -> Any:
            return endpoints(*activations)[DEFAULT]

        self.endpoints = tf.function(endpoints, input_signature=signature, autograph=False)
        self.__call__ = tf.function(vector, input_signature=signature, autograph=False)


def save(tail: Tail, weights: Sequence[NDArray[Any]], folder: Path) -> None:
    """Writes a tail with these weights, one for each of `tail.weights`, as a SavedModel."""
    tf.saved_model.save(_SavedTail(tail, weights), str(folder))


@dataclass(frozen=True, slots=True)
class StatesModule:
    """The saved tail of a network of texts: it takes the states at its cut, float32 [N, tokens,
    width], 0 throughout where a text has no token any more."""

    loaded: Any
    width: int

    def pooled(self) -> Any:
        """A tf.function of them -> {endpoint: float32 [N, dim]}."""

        def run(states: Any) -> dict[str, Any]:
            return {name: pooled(value) for name, value in self.loaded.endpoints(states).items()}

        spec = tf.TensorSpec([None, None, self.width], tf.float32)
        return tf.function(run, input_signature=[spec], autograph=False)


def load(folder: Path) -> Module:
    """The saved tail as a network whose pictures are the activations of its one cut, [h, w, c].

    Raises FailedPrecondition when the folder holds no such tail.
    """
    loaded, shape = _load(folder, rank=4)
    height, width, channels = shape
    return Module(loaded, (height, width, channels), loaded.endpoints)


def load_states(folder: Path) -> StatesModule:
    """The saved tail of a network of texts. Raises FailedPrecondition when it is none."""
    loaded, shape = _load(folder, rank=3)
    return StatesModule(loaded, shape[-1])


def _load(folder: Path, *, rank: int) -> tuple[Any, Any]:
    """The object, and the shape of one item's activations."""
    try:
        loaded = tf.saved_model.load(str(folder))
        (function,) = loaded.endpoints.concrete_functions
    except (OSError, ValueError, KeyError, AttributeError, tf.errors.OpError) as error:
        raise _no_tail(f"it cannot be loaded ({error})") from error
    specs = function.structured_input_signature[0]
    if len(specs) != 1 or specs[0].shape.rank != rank:
        raise _no_tail(f"it takes {[str(spec.shape) for spec in specs]}")
    return loaded, specs[0].shape[1:]


def shapes(tail: Tail) -> dict[str, tuple[int, ...]]:
    """The shape of one item's output at each endpoint of a tail; where a text has as many tokens as
    it has, that of the vector alone."""
    one = [
        np.zeros([side or 1 for side in spec.shape], spec.dtype.as_numpy_dtype)
        for spec in tail.specs
    ]
    open_ended = any(None in spec.shape[1:].as_list() for spec in tail.specs)
    found = tail.call(one, tail.weights)
    return {
        name: tuple(int(n) for n in value.shape[-1 if open_ended else 1 :])
        for name, value in found.items()
    }


def _no_tail(received: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"a tuned tail must be a SavedModel with a function `endpoints` of one feature map; train"
        f" the model again; {received}",
        reason="BACKBONE_UNUSABLE",
        metadata={"missing": "endpoints"},
    )
