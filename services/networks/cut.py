"""Cutting a network at an endpoint: what lies behind it as a function of its own.

A restored SavedModel is a call of calls. Inlined, it is one flat graph; of that graph the nodes
between the cut and the outputs are kept, and every weight that they read becomes an argument. So
the tail is a pure function (activations, weights) -> endpoints, gradients flow to both, and the
trunk before the cut need not run, nor be in memory, while the tail is trained.

Nothing here knows of images: the cut may be one endpoint (a feature map) or several that the tail
needs together (the states of a layer and the mask of a text).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework import convert_to_constants

from graft.errors import FailedPrecondition
from services.common.backbones.record import DEFAULT

Weights = list[NDArray[Any]]
_READ = "ReadVariableOp"
_PASSING = frozenset({"Identity", "StopGradient"})


@dataclass(frozen=True, slots=True)
class Tail:
    """What lies behind a cut.

    `cut`: the endpoints cut at, in the order of the activations. `specs`: one tensor spec each,
    the first axis open. `weights`: the values that the network came with, in the order in which
    `call` takes them; `trainable` says which of them may be trained. `call(activations, weights)`,
    two lists of tensors, answers {endpoint: tensor}, not averaged: the cut itself, all endpoints
    behind it, `default` among them. It is a concrete function, so that it can be called within
    other tf.functions and under a GradientTape.
    """

    cut: tuple[str, ...]
    specs: tuple[Any, ...]
    weights: Weights
    trainable: tuple[bool, ...]
    call: Callable[[Sequence[Any], Sequence[Any]], dict[str, Any]]


def cut(call: Callable[[Any], Mapping[str, Any]], spec: Any, at: Sequence[str]) -> Tail:
    """Cuts `call`, which takes a tensor of `spec` and answers {endpoint: tensor}, at endpoints.

    Raises FailedPrecondition where an endpoint is missing, nothing follows it, something passes by
    it, or the part behind it does more than compute from weights.
    """
    traced = tf.function(call, input_signature=[spec], autograph=False).get_concrete_function()
    ends = {name: tensor.name for name, tensor in traced.structured_outputs.items()}
    missing = [name for name in at if name not in ends]
    if missing or not at:
        text = f"the network has the endpoints {', '.join(sorted(ends))}; cut at one of them"
        raise _uncuttable(f"{text}; got {list(at)}")
    graph = _Graph(traced)
    behind = graph.behind([graph.source(ends[name]) for name in at], ends)
    if DEFAULT not in behind.ends:
        why = behind.broken.get(DEFAULT, "it does not depend on the cut")
        text = f"the vector of the network cannot be computed from {list(at)} alone: {why}"
        raise _uncuttable(f"{text}; cut at another endpoint")
    return _tail(traced, graph, behind, tuple(at))


@dataclass(frozen=True, slots=True)
class _Behind:
    """The nodes behind a cut: `stops` are the tensors cut at, `ends` the endpoint tensors that
    need no more than them, `broken` why others do, `reads` the nodes that read a weight."""

    stops: tuple[str, ...]
    nodes: frozenset[str]
    ends: dict[str, str]
    broken: dict[str, str]
    reads: tuple[str, ...]


class _Graph:
    """The inlined graph of a concrete function. Owns its nodes by name; never changes."""

    def __init__(self, traced: Any) -> None:
        # The function optimiser alone: it inlines every call and leaves variables as they are.
        inlined = convert_to_constants._run_inline_graph_optimization(traced, False, True)
        self.definition = inlined
        self.nodes = {node.name: node for node in inlined.node}
        held = {id(variable.handle): variable for variable in traced.graph.variables}
        self.variables: dict[str, Any] = {}  # by the name of the placeholder that stands for it
        self.constants: dict[str, Any] = {}
        for outer, inner in traced.graph.captures:
            name = inner.op.name
            if id(outer) in held:
                self.variables[name] = held[id(outer)]
            elif outer.dtype != tf.resource and outer.dtype != tf.variant:
                self.constants[name] = outer

    def source(self, tensor: str) -> str:
        """The tensor that a name stands for once nodes that only pass it on are skipped."""
        name, index = _split(tensor)
        node = self.nodes[name]
        if node.op in _PASSING:
            return self.source(_data_inputs(node)[0])
        if node.op == "IdentityN":
            return self.source(_data_inputs(node)[index])
        return f"{name}:{index}"

    def behind(self, stops: Sequence[str], ends: Mapping[str, str]) -> _Behind:
        """Walks from each endpoint back to the cut."""
        nodes: set[str] = set()
        reads: set[str] = set()
        good: dict[str, str] = {}
        broken: dict[str, str] = {}
        for name, end in ends.items():
            source = self.source(end)
            walk = _Walk(self, frozenset(stops))
            walk.visit(source)
            if walk.problem:
                broken[name] = walk.problem
            elif walk.met_cut:
                good[name] = source
                nodes |= walk.nodes
                reads |= walk.reads
        order = [n.name for n in self.definition.node if n.name in reads]
        return _Behind(tuple(stops), frozenset(nodes), good, broken, tuple(order))

    def variable_of(self, read: str) -> Any:
        """The variable that a reading node reads, or None."""
        handle, _ = _split(self.source(_data_inputs(self.nodes[read])[0]))
        return self.variables.get(handle)


class _Walk:
    """One walk against the flow of data, from one endpoint."""

    def __init__(self, graph: _Graph, stops: frozenset[str]) -> None:
        self._graph = graph
        self._stops = stops
        self.nodes: set[str] = set()
        self.reads: set[str] = set()
        self.met_cut = False
        self.problem = ""

    def visit(self, tensor: str) -> None:
        """Collects what `tensor` is computed from; stops at the cut and at weights."""
        waiting = [tensor]
        while waiting and not self.problem:
            found = self._graph.source(waiting.pop())
            name, _ = _split(found)
            if found in self._stops:
                self.met_cut = True
            elif name not in self.nodes and name not in self.reads:
                waiting += self._enter(name)

    def _enter(self, name: str) -> list[str]:
        node = self._graph.nodes[name]
        if node.op == _READ and self._graph.variable_of(name) is not None:
            self.reads.add(name)
            return []
        if node.op == "Placeholder" and name not in self._graph.constants:
            kind = "a table or another resource" if _is_resource(node) else "the input itself"
            self.problem = f"it needs {kind} ({name})"
            return []
        self.nodes.add(name)
        return _data_inputs(node)


def _tail(traced: Any, graph: _Graph, behind: _Behind, at: tuple[str, ...]) -> Tail:
    shapes = traced.structured_outputs
    specs = tuple(
        tf.TensorSpec([None, *shapes[name].shape[1:]], shapes[name].dtype, name=name) for name in at
    )
    variables, place = _variables(graph, behind)
    function = tf.function(
        _runner(graph, behind, place),
        input_signature=[list(specs), [tf.TensorSpec(v.shape, v.dtype) for v in variables]],
        autograph=False,
    ).get_concrete_function()

    def call(activations: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        found: dict[str, Any] = function(list(activations), list(weights))
        return found

    return Tail(
        at,
        specs,
        [variable.numpy() for variable in variables],
        tuple(bool(v.dtype.is_floating and v.trainable) for v in variables),
        call,
    )


def _variables(graph: _Graph, behind: _Behind) -> tuple[list[Any], dict[str, int]]:
    """Each variable once, in the order of the graph, and which of them each node reads."""
    variables: list[Any] = []
    place: dict[str, int] = {}
    seen: dict[int, int] = {}
    for read in behind.reads:
        variable = graph.variable_of(read)
        if id(variable) not in seen:
            seen[id(variable)] = len(variables)
            variables.append(variable)
        place[read] = seen[id(variable)]
    return variables, place


def _runner(graph: _Graph, behind: _Behind, place: Mapping[str, int]) -> Callable[..., Any]:
    """A Python function that imports the nodes behind the cut, fed with other tensors."""
    definition = _part(graph, behind)

    def run(activations: Sequence[Any], weights: Sequence[Any]) -> dict[str, Any]:
        feeds = {f"{read}:0": weights[index] for read, index in place.items()}
        feeds |= {f"{n}:0": tf.constant(value.numpy()) for n, value in graph.constants.items()}
        feeds |= dict(zip(behind.stops, activations, strict=True))
        used = {name for node in definition.node for name in node.input}
        names = sorted(behind.ends)
        inner = {name: behind.ends[name] for name in names if behind.ends[name] not in feeds}
        found = tf.graph_util.import_graph_def(
            definition,
            input_map={name: tensor for name, tensor in feeds.items() if name in used},
            return_elements=list(inner.values()),
            name="",
        )
        outputs = dict(zip(inner, found, strict=True))
        return {
            name: tf.identity(outputs[name] if name in outputs else feeds[behind.ends[name]])
            for name in names
        }

    return run


def _part(graph: _Graph, behind: _Behind) -> Any:
    """The nodes behind the cut, in the graph's order, wired to each other past what only passes."""
    definition = tf.compat.v1.GraphDef(
        versions=graph.definition.versions, library=graph.definition.library
    )
    for node in graph.definition.node:
        if node.name in behind.nodes and node.name not in graph.constants:
            kept = definition.node.add()
            kept.CopyFrom(node)
            kept.ClearField("device")
            del kept.input[:]
            kept.input.extend(graph.source(name) for name in _data_inputs(node))
    return definition


def _data_inputs(node: Any) -> list[str]:
    """The inputs without those that only order: behind a cut nothing has an effect."""
    return [name for name in node.input if not name.startswith("^")]


def _split(tensor: str) -> tuple[str, int]:
    name, _, index = tensor.partition(":")
    return name, int(index or 0)


def _is_resource(node: Any) -> bool:
    return node.attr["dtype"].type in (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)


def _uncuttable(text: str) -> FailedPrecondition:
    return FailedPrecondition(text, reason="BACKBONE_UNUSABLE", metadata={"missing": "a cut"})
