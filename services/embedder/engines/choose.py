"""Which engine serves: OpenVINO on a CPU if it agrees with TensorFlow, else TensorFlow."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
from pathlib import Path

import numpy as np

from graft.errors import FailedPrecondition
from services.embedder.engines import runtime
from services.embedder.engines.base import Engine, EngineOptions, Vectors
from services.embedder.engines.tensorflow import TensorflowEngine
from services.networks.module import Module, load_module
from services.networks.saved_model import MISMATCH

_LOG = logging.getLogger(__name__)

MIN_COSINE = 0.9999
"""Below this agreement with TensorFlow, on any probe image and endpoint, no engine is accepted."""

MAX_MAP_ROWS = 8
"""Rows of a batch of maps, which are large: 8 of them keep a device busy."""

_PROBES = 2


def load_engine(
    folder: Path,
    *,
    height: int,
    width: int,
    options: EngineOptions,
    name: str,
    maps: bool = False,
) -> Engine:
    """Loads the SavedModel in `folder`, chooses and warms its engine; `name` is for the log.

    With `maps` the engine is one of maps; the module must have a spatial endpoint.
    Raises FailedPrecondition when the SavedModel is unusable, takes pictures of one other size
    alone, or the engine asked for is missing.
    """
    module = load_module(folder)
    return choose_engine(module, height=height, width=width, options=options, name=name, maps=maps)


def choose_engine(
    module: Module, *, height: int, width: int, options: EngineOptions, name: str, maps: bool
) -> Engine:
    """As load_engine, of a module that is loaded."""
    if maps:
        options = dataclasses.replace(options, max_batch=min(options.max_batch, MAX_MAP_ROWS))
    reference = _reference(module, height, width, options, name, maps)
    engine = _accepted(module, reference, options, name) or reference
    engine.warm()
    _LOG.info("loaded", extra={"backbone": name, "engine": engine.name, "maps": maps})
    return engine


def _reference(
    module: Module, height: int, width: int, options: EngineOptions, name: str, maps: bool
) -> TensorflowEngine:
    """What a module says it takes is one of several signatures, perhaps, and its endpoints may come
    from another: making the graph tells. Run at once, a signature takes what it never asked for."""
    try:
        return TensorflowEngine(module, height, width, max_batch=options.max_batch, maps=maps)
    except MISMATCH as error:
        raise FailedPrecondition(
            f"{name} takes pictures of one size alone; name a backbone that is fully"
            f" convolutional, or leave the size out; got {height} x {width}",
            reason="BACKBONE_UNUSABLE",
            metadata={"missing": "open input size"},
        ) from error


def _accepted(
    module: Module, reference: TensorflowEngine, options: EngineOptions, name: str
) -> Engine | None:
    if options.kind == "tensorflow" or runtime.uses_gpu():
        return None
    if importlib.util.find_spec("openvino") is None:
        if options.kind == "auto":
            return None
        text = "GRAFT_ENGINE is openvino, but the package openvino is not installed; install it"
        raise FailedPrecondition(f"{text}, or set GRAFT_ENGINE=tensorflow")
    candidate = _openvino(module, reference, options, name)
    if candidate is None:
        return None
    cosine = agreement(reference, candidate)
    if cosine >= MIN_COSINE:
        return candidate
    text = "%s: OpenVINO agrees with TensorFlow only to a cosine of %.6f; TensorFlow serves"
    _LOG.warning(text, name, cosine)
    return None


def _openvino(
    module: Module, reference: TensorflowEngine, options: EngineOptions, name: str
) -> Engine | None:
    # Imported here: an installation without OpenVINO serves with TensorFlow.
    from services.embedder.engines.openvino import OpenvinoEngine

    height, width, _ = reference.input_shape
    try:
        return OpenvinoEngine(
            module,
            height,
            width,
            max_batch=options.max_batch,
            threads=options.threads,
            maps=reference.maps,
        )
    except RuntimeError as error:
        _LOG.warning("%s: OpenVINO cannot convert it; TensorFlow serves: %.500s", name, error)
        return None


def agreement(reference: Engine, candidate: Engine) -> float:
    """The smallest cosine between the two engines' answers, over probe images and endpoints."""
    endpoints = tuple(reference.dims)
    probes = np.random.default_rng(0).random((_PROBES, *reference.input_shape), dtype=np.float32)
    smallest = 1.0
    for probe in probes:
        batch = probe[np.newaxis]
        expected, found = reference.run(batch, endpoints), candidate.run(batch, endpoints)
        smallest = min(smallest, *(_cosine(expected, found, name) for name in endpoints))
    return smallest


def _cosine(expected: Vectors, found: Vectors, name: str) -> float:
    """Two zero vectors agree; a zero and another do not; what is not a number agrees with none."""
    a, b = (v[name].astype(np.float64).ravel() for v in (expected, found))
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norms == 0.0:
        return float(np.array_equal(a, b))
    cosine = float(a @ b) / norms
    return cosine if np.isfinite(cosine) else 0.0
