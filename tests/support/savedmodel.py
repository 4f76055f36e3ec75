"""Tiny SavedModels: real ones, in every form that the contract allows and in some that it does not.

They compute what FakeEngine computes (see tests/support/engines.py for the formulas).

Importing this sets TensorFlow up: every test that uses it imports this, so it is set up once,
before its first operation, in whatever order the tests run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from services.embedder.engines import runtime
from services.embedder.engines.base import EngineOptions
from tests.support.engines import KERNEL, MIXER, SIDE

THREADS = 1
runtime.configure(EngineOptions(threads=THREADS))


class _Network(tf.Module):  # type: ignore[misc]
    """The weights and the two formulas."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.kernel = tf.Variable(KERNEL * scale)
        self.mixer = tf.Variable(MIXER)

    def endpoints(self, images: Any) -> dict[str, Any]:
        """Both outputs, not averaged over positions."""
        mixed = tf.einsum("nhwc,cd->nhwd", images, self.kernel)
        spatial = tf.nn.relu(tf.nn.avg_pool2d(mixed, 4, 4, "VALID"))
        default = tf.reduce_mean(spatial, axis=[1, 2]) @ self.mixer
        return {"default": default, "map": spatial}


def save(
    folder: Path, *, form: str = "return_endpoints", side: int | None = SIDE, scale: float = 1.0
) -> Path:
    """Writes a SavedModel to `folder` and answers it.

    Forms: `return_endpoints` (keyword arguments, as TF-Hub's), `signature` (a plain call and the
    signature `endpoints`), `plain` (a call, nothing else), and the unusable `not_callable`,
    `no_vector` and `texts`. `side` None leaves the input size open.
    """
    network = _Network(scale)
    spec = tf.TensorSpec([None, side, side, 3], tf.float32, name="images")
    _FORMS[form](network, spec)
    signatures = _signatures(network, spec) if form == "signature" else {}
    tf.saved_model.save(network, str(folder), signatures=signatures)
    return folder


def save_with_metadata(folder: Path, **metadata: object) -> Path:
    """A SavedModel of open size with a metadata.json beside it."""
    save(folder, side=None)
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder


def _return_endpoints(network: Any, spec: Any) -> None:
    def call(images: Any, training: bool = False, return_endpoints: bool = False) -> Any:
        outputs = network.endpoints(images)
        return outputs if return_endpoints else outputs["default"]

    _traced(network, call)
    for training in (False, True):
        for return_endpoints in (False, True):
            network.__call__.get_concrete_function(spec, training, return_endpoints)


def _plain(network: Any, spec: Any) -> None:
    _traced(network, lambda images: network.endpoints(images)["default"])
    network.__call__.get_concrete_function(spec)


def _no_vector(network: Any, spec: Any) -> None:
    _traced(network, lambda images: network.endpoints(images)["map"])
    network.__call__.get_concrete_function(spec)


def _texts(network: Any, spec: Any) -> None:
    _traced(network, lambda texts: tf.strings.length(texts))
    network.__call__.get_concrete_function(tf.TensorSpec([None], tf.string))


def _not_callable(network: Any, spec: Any) -> None:
    network.run = tf.function(network.endpoints, input_signature=[spec], autograph=False)


def _traced(network: Any, call: Callable[..., Any]) -> None:
    network.__call__ = tf.function(call, autograph=False)


def _signatures(network: Any, spec: Any) -> dict[str, Any]:
    traced = tf.function(network.endpoints, input_signature=[spec], autograph=False)
    return {"endpoints": traced.get_concrete_function()}


_FORMS: dict[str, Callable[[Any, Any], None]] = {
    "return_endpoints": _return_endpoints,
    "signature": _plain,
    "plain": _plain,
    "no_vector": _no_vector,
    "texts": _texts,
    "not_callable": _not_callable,
}
