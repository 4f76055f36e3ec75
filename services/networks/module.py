"""A SavedModel under the Reusable SavedModel contract, without Keras.

The contract, as far as Graft needs it:

- `obj = tf.saved_model.load(folder)`; `obj(images)` answers float32 [N, dim], the endpoint
  `default`; images are float32 [N, height, width, 3]. `training=False` is passed if it is taken.
- Cut layers are optional: `obj(images, return_endpoints=True)` or the signature `endpoints` answers
  a dict of tensors [N, dim] or [N, h, w, channels]. Others in the dict are left out.

Feature maps are averaged over their positions inside the graph, unless they are asked for as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from graft.errors import FailedPrecondition, InvalidArgument
from services.common.backbones.record import DEFAULT
from services.networks.pooling import pooled

_UNFIT_CHARACTERS = re.compile(r"[^A-Za-z0-9_.-]")
_MISMATCH = (ValueError, TypeError)  # how a restored function says that it has no such form
Call = Callable[[Any], Any]


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
        except (*_MISMATCH, tf.errors.OpError) as error:
            text = f"the module takes images {self.input_shape} and none of another size; leave"
            raise InvalidArgument(
                f"{text} the size out; got {height} x {width}", field="size"
            ) from error
        return {name: tuple(int(n) for n in value.shape[1:]) for name, value in outputs.items()}


def load_module(folder: Path) -> Module:
    """Loads a SavedModel; FailedPrecondition names what it lacks of the contract."""
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise _unusable("saved_model.pb", f"it cannot be loaded ({error})") from error
    if not callable(loaded):
        found = sorted(getattr(loaded, "signatures", {}))
        raise _unusable("__call__", f"the object is not callable; its signatures are {found}")
    shape = _input_shape(loaded)
    return Module(loaded, shape, _find_call(loaded, shape))


def _input_shape(loaded: Any) -> tuple[int | None, int | None, int | None]:
    for spec in _input_specs(loaded):
        if spec.dtype == tf.float32 and spec.shape.rank == 4 and spec.shape[3] in (3, None):
            return spec.shape[1], spec.shape[2], spec.shape[3]
    seen = [f"{spec.dtype.name}{spec.shape}" for spec in _input_specs(loaded)]
    raise _unusable("images float32 [N,H,W,3]", f"the module takes {seen}")


def _input_specs(loaded: Any) -> list[Any]:
    """What the first argument may be, most special first: signatures tell sizes that calls hide."""
    functions = [loaded.signatures[name] for name in sorted(getattr(loaded, "signatures", {}))]
    functions += getattr(loaded.__call__, "concrete_functions", [])
    specs = []
    for function in functions:
        positional, named = function.structured_input_signature
        specs += [s for s in (*positional, *named.values()) if isinstance(s, tf.TensorSpec)][:1]
    return sorted(specs, key=lambda spec: str(spec.shape).count("None"))


def _find_call(loaded: Any, shape: tuple[int | None, int | None, int | None]) -> Call:
    """The richest form of call that the module takes, found by trying them on one image."""
    image = _probe_image(*(side or 224 for side in shape[:2]))
    plain = _first_that_takes(image, _plain_calls(loaded))
    if plain is None:
        raise _unusable("__call__(images)", "no form of call takes float32 images")
    default = _checked_default(plain(image))
    rich = _first_that_takes(image, _endpoint_calls(loaded))
    if rich is None:
        return lambda images: {DEFAULT: plain(images)}
    twin = _twin_of_default(default, rich(image))
    return lambda images: _named(rich(images), twin, plain, images)


def _plain_calls(loaded: Any) -> list[Call]:
    return [lambda images: loaded(images, training=False), lambda images: loaded(images)]


def _endpoint_calls(loaded: Any) -> list[Call]:
    calls: list[Call] = [
        lambda images: loaded(images, training=False, return_endpoints=True),
        lambda images: loaded(images, return_endpoints=True),
    ]
    signature = getattr(loaded, "signatures", {}).get("endpoints")
    if signature is not None:
        (argument,) = signature.structured_input_signature[1]
        calls.append(lambda images: signature(**{argument: images}))
    return calls


def _first_that_takes(image: Any, calls: list[Call]) -> Call | None:
    for call in calls:
        try:
            call(image)
        except _MISMATCH:
            continue
        return call
    return None


def _twin_of_default(default: Any, outputs: Mapping[str, Any]) -> str | None:
    """The endpoint that is the default vector under another name, so that it is computed once."""
    for name in (DEFAULT, *sorted(outputs)):
        value = outputs.get(name)
        if value is not None and value.shape == default.shape and np.allclose(value, default):
            return name
    return None


def _named(outputs: Mapping[str, Any], twin: str | None, plain: Call, images: Any) -> Any:
    default = outputs[twin] if twin is not None else plain(images)
    named = {_fit(name): value for name, value in outputs.items() if _usable(value)}
    return {**named, DEFAULT: default}


def _fit(name: str) -> str:
    """Endpoint names become parts of keys: what is not a letter, digit, _, . or - becomes _."""
    return _UNFIT_CHARACTERS.sub("_", name)


def _usable(value: Any) -> bool:
    return value.shape.rank in (2, 4) and value.dtype.is_floating and value.shape[-1] is not None


def _checked_default(value: Any) -> Any:
    if not isinstance(value, tf.Tensor) or not _usable(value) or value.shape.rank != 2:
        raise _unusable("a vector float32 [N,dim]", f"the call answers {value!r:.200}")
    return value


def _probe_image(height: int, width: int) -> Any:
    pixels = np.random.default_rng(0).random((1, height, width, 3), dtype=np.float32)
    return tf.constant(pixels)


def _unusable(missing: str, received: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"the SavedModel breaks the Reusable SavedModel contract: {missing} is missing; export it"
        f" with tf.saved_model.save from an object whose __call__ is a tf.function; {received}",
        reason="BACKBONE_UNUSABLE",
        metadata={"missing": missing},
    )
