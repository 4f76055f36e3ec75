"""A SavedModel of images under the Reusable SavedModel contract, without Keras.

The contract, as far as Graft needs it:

- `obj = tf.saved_model.load(folder)`; `obj(images)` answers float32 [N, dim], the endpoint
  `default`; images are float32 [N, height, width, 3]. `training=False` is passed if it is taken.
- Cut layers are optional: `obj(images, return_endpoints=True)` or the signature `endpoints` answers
  a dict of tensors [N, dim] or [N, h, w, channels]. Others in the dict are left out.

Feature maps are averaged over their positions inside the graph, unless they are asked for as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from graft.errors import InvalidArgument
from services.networks.pooling import pooled
from services.networks.saved_model import (
    MISMATCH,
    Call,
    find_call,
    input_specs,
    load_object,
    unusable,
)


@dataclass(frozen=True, slots=True)
class Module:
    """A loaded SavedModel. `input_shape` has None where the module leaves an axis open; its last
    axis is 3 for images, and the channels of a feature map where the module is a tail."""

    loaded: Any
    input_shape: tuple[int | None, int | None, int | None]
    call: Call
    """images -> {endpoint: tensor}, `default` among them, not averaged."""

    @property
    def channels(self) -> int:
        """The last axis of what it takes."""
        return self.input_shape[2] or 3

    def pooled(self, height: int, width: int) -> Any:
        """A tf.function float32 [N, height, width, channels] -> {endpoint: float32 [N, dim]}."""
        spec = tf.TensorSpec([None, height, width, self.channels], tf.float32)

        def run(images: Any) -> dict[str, Any]:
            return {name: pooled(value) for name, value in self.call(images).items()}

        return tf.function(run, input_signature=[spec], autograph=False)

    def spatial(self, height: int, width: int) -> Any:
        """The same, but -> {endpoint: float32 [N, h, w, c]} of those that are feature maps."""
        spec = tf.TensorSpec([None, height, width, self.channels], tf.float32)

        def run(images: Any) -> dict[str, Any]:
            maps = {k: v for k, v in self.call(images).items() if v.shape.rank == 4}
            return {name: tf.cast(value, tf.float32) for name, value in maps.items()}

        return tf.function(run, input_signature=[spec], autograph=False)

    def endpoint_shapes(self, height: int, width: int) -> dict[str, tuple[int, ...]]:
        """The shape of one item's output at each endpoint, found by running one image.

        Raises InvalidArgument when the module does not take images of this size.
        """
        try:
            outputs = self.call(_probe_image(height, width))
        except (*MISMATCH, tf.errors.OpError) as error:
            text = f"the module takes images {self.input_shape} and none of another size; leave"
            raise InvalidArgument(
                f"{text} the size out; got {height} x {width}", field="size"
            ) from error
        return {name: tuple(int(n) for n in value.shape[1:]) for name, value in outputs.items()}


def load_module(folder: Path) -> Module:
    """Loads a SavedModel; FailedPrecondition names what it lacks of the contract."""
    return module_of(load_object(folder))


def module_of(loaded: Any) -> Module:
    """As load_module, of an object that is loaded."""
    shape = _input_shape(loaded)
    image = _probe_image(*(side or 224 for side in shape[:2]))
    return Module(loaded, shape, find_call(loaded, image, _usable, "__call__(images)"))


def _input_shape(loaded: Any) -> tuple[int | None, int | None, int | None]:
    specs = input_specs(loaded)
    for spec in specs:
        if spec.dtype == tf.float32 and spec.shape.rank == 4 and spec.shape[3] in (3, None):
            return spec.shape[1], spec.shape[2], spec.shape[3]
    seen = [f"{spec.dtype.name}{spec.shape}" for spec in specs]
    raise unusable("images float32 [N,H,W,3]", f"the module takes {seen}")


def _usable(value: Any) -> bool:
    return value.shape.rank in (2, 4) and value.dtype.is_floating and value.shape[-1] is not None


def _probe_image(height: int, width: int) -> Any:
    pixels = np.random.default_rng(0).random((1, height, width, 3), dtype=np.float32)
    return tf.constant(pixels)
