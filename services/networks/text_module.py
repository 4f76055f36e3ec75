"""A SavedModel of texts under the Reusable SavedModel contract.

As services/networks/module.py says of images, with texts string [N] in their place. What is a
feature map there is here the states of a layer, float32 [N, tokens, width]: 0 throughout where a
text has no token any more. The vector of such an endpoint is the mean over the tokens there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from services.networks.pooling import pooled
from services.networks.saved_model import Call, find_call, input_specs, load_object, unusable

TEXTS: Final = tf.TensorSpec([None], tf.string, "texts")
_PROBE: Final = ("a text to be tried", "")
# Longer than any network of texts reads: the states of it are as many as there can be.
_LONG: Final = "a b " * 5_000


@dataclass(frozen=True, slots=True)
class TextModule:
    """A loaded SavedModel. `call`: texts -> {endpoint: tensor}, `default` among them."""

    loaded: Any
    call: Call

    def pooled(self) -> Any:
        """A tf.function string [N] -> {endpoint: float32 [N, dim]}."""

        def run(texts: Any) -> dict[str, Any]:
            return {name: pooled(value) for name, value in self.call(texts).items()}

        return tf.function(run, input_signature=[TEXTS], autograph=False)

    def states(self) -> Any:
        """The same, but -> {endpoint: float32 [N, tokens, width]} of those that are states."""

        def run(texts: Any) -> dict[str, Any]:
            found = {k: v for k, v in self.call(texts).items() if v.shape.rank == 3}
            return {name: tf.cast(value, tf.float32) for name, value in found.items()}

        return tf.function(run, input_signature=[TEXTS], autograph=False)

    def endpoint_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one item's output at each endpoint; of states with the most tokens."""
        outputs = self.call(tf.constant([_LONG]))
        return {name: tuple(int(n) for n in value.shape[1:]) for name, value in outputs.items()}


def load_text_module(folder: Path) -> TextModule:
    """Loads a SavedModel; FailedPrecondition names what it lacks of the contract."""
    return text_module_of(load_object(folder))


def text_module_of(loaded: Any) -> TextModule:
    """As load_text_module, of an object that is loaded."""
    if not takes_texts(loaded):
        seen = [f"{spec.dtype.name}{spec.shape}" for spec in input_specs(loaded)]
        raise unusable("texts string [N]", f"the module takes {seen}")
    return TextModule(loaded, find_call(loaded, tf.constant(_PROBE), _usable, "__call__(texts)"))


def takes_texts(loaded: Any) -> bool:
    """Whether the module reads strings."""
    return any(spec.dtype == tf.string and spec.shape.rank == 1 for spec in input_specs(loaded))


def _usable(value: Any) -> bool:
    return value.shape.rank in (2, 3) and value.dtype.is_floating and value.shape[-1] is not None
