"""Loading a SavedModel, whatever it reads, and saying what it lacks of the contract.

The contract is that of Reusable SavedModels: a callable object whose plain call answers vectors.
services/networks/module.py tells it for images, services/networks/text_module.py for texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
import tensorflow_text

from graft.errors import FailedPrecondition
from services.common.backbones.record import DEFAULT

Call = Callable[[Any], Any]
MISMATCH: Final = (ValueError, TypeError)
"""How a restored function says that it has no such form."""

_OPERATIONS: Final = tensorflow_text  # a graph of texts can be loaded only once this is imported
_UNFIT_CHARACTERS = re.compile(r"[^A-Za-z0-9_.-]")


def load_object(folder: Path) -> Any:
    """The restored object, which can be called. Raises FailedPrecondition."""
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise unusable("saved_model.pb", f"it cannot be loaded ({error})") from error
    if not callable(loaded):
        found = sorted(getattr(loaded, "signatures", {}))
        raise unusable("__call__", f"the object is not callable; its signatures are {found}")
    return loaded


def input_specs(loaded: Any) -> list[Any]:
    """What the first argument may be, most special first: signatures tell sizes that calls hide."""
    functions = [loaded.signatures[name] for name in sorted(getattr(loaded, "signatures", {}))]
    functions += getattr(loaded.__call__, "concrete_functions", [])
    specs = []
    for function in functions:
        positional, named = function.structured_input_signature
        specs += [s for s in (*positional, *named.values()) if isinstance(s, tf.TensorSpec)][:1]
    return sorted(specs, key=lambda spec: str(spec.shape).count("None"))


def find_call(loaded: Any, probe: Any, usable: Callable[[Any], bool], missing: str) -> Call:
    """The richest form of call that the module takes, found by trying them on `probe`.

    `usable` says which outputs are kept; the plain call must answer a usable [N, dim].
    The call found answers {endpoint: tensor}, `default` among them.
    """
    plain = _first_that_takes(probe, _plain_calls(loaded))
    if plain is None:
        raise unusable(missing, "no form of call takes them")
    default = plain(probe)
    if not isinstance(default, tf.Tensor) or not usable(default) or default.shape.rank != 2:
        raise unusable("a vector float32 [N,dim]", f"the call answers {default!r:.200}")
    rich = _first_that_takes(probe, _endpoint_calls(loaded))
    if rich is None:
        return lambda inputs: {DEFAULT: plain(inputs)}
    twin = _twin_of_default(default, rich(probe))

    def call(inputs: Any) -> dict[str, Any]:
        outputs = rich(inputs)
        vector = outputs[twin] if twin is not None else plain(inputs)
        named = {_fit(name): value for name, value in outputs.items() if usable(value)}
        return {**named, DEFAULT: vector}

    return call


def _plain_calls(loaded: Any) -> list[Call]:
    return [lambda inputs: loaded(inputs, training=False), lambda inputs: loaded(inputs)]


def _endpoint_calls(loaded: Any) -> list[Call]:
    calls: list[Call] = [
        lambda inputs: loaded(inputs, training=False, return_endpoints=True),
        lambda inputs: loaded(inputs, return_endpoints=True),
    ]
    signature = getattr(loaded, "signatures", {}).get("endpoints")
    if signature is not None:
        (argument,) = signature.structured_input_signature[1]
        calls.append(lambda inputs: signature(**{argument: inputs}))
    return calls


def _first_that_takes(probe: Any, calls: list[Call]) -> Call | None:
    for call in calls:
        try:
            call(probe)
        except MISMATCH:
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


def _fit(name: str) -> str:
    """Endpoint names become parts of keys: what is not a letter, digit, _, . or - becomes _."""
    return _UNFIT_CHARACTERS.sub("_", name)


def unusable(missing: str, received: str) -> FailedPrecondition:
    """The error that tells what a SavedModel lacks."""
    return FailedPrecondition(
        f"the SavedModel breaks the Reusable SavedModel contract: {missing} is missing; export it"
        f" with tf.saved_model.save from an object whose __call__ is a tf.function; {received}",
        reason="BACKBONE_UNUSABLE",
        metadata={"missing": missing},
    )
