"""How good are models of texts, beside SetFit on the same weights and frozen logistic regression?

    python -m benchmarks.texts [SET ...]

The draws of shared/baselines (8 texts a class, 5 of banking77) go through the search, and then
through the tuning of the last layers as a job tries it; what a job would deliver answers the whole
test file (2,000 rows of it at most, those that the baselines took). SetFit's figures and seconds
are those that shared/baselines measured, on a machine like this one; where a draw has none, only
ours are told. Seconds are of search and tuning, without embedding.
"""

from __future__ import annotations

import contextlib
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import record
from benchmarks.pictures import SHARED
from graft.embedder.v1 import backbone_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.names import BackboneName
from graft.tensors import to_tensor
from services.common.backbones.catalogue import Cache
from services.common.store.base import Store
from services.common.store.file import FileStore
from services.embedder.backbones import bundled
from services.embedder.engines.base import EngineOptions, Vectors
from services.embedder.engines.runtime import configure
from services.embedder.engines.texts import TextEngine, load_text_engine
from services.trainer import label_names
from services.trainer.fitters.base import Indices
from services.trainer.search.bank import Bank
from services.trainer.search.run import SearchResult, search
from services.trainer.tail_tuning import Means
from services.trainer.tuned_search import TunedSearch, tune

SETS: Final = ("trec6", "cr", "sst2", "subj", "banking77")
PER_CLASS: Final = {"banking77": 5}
USUAL_PER_CLASS: Final = 8
SEEDS: Final = 3
MAX_TEST: Final = 2_000
THREADS: Final = 2
BUDGET_S: Final = 600.0
_AT_ONCE: Final = 32


@dataclass(frozen=True)
class Texts:
    """One set: texts and classes to draw from, and those to test on."""

    labels: tuple[str, ...]
    train: list[str]
    train_y: Indices
    test: list[str]
    test_y: Indices


@dataclass(frozen=True)
class Network:
    """The text backbone: its record, where it lies, and what runs it."""

    store: Store
    folder: Path
    backbone: backbone_pb2.Backbone
    vectors: TextEngine
    states: TextEngine
    threads: int

    def embed(self, texts: list[str]) -> Vectors:
        """The vectors float32 [n, dim] of each endpoint."""
        pieces = [
            self.vectors.run(_batch(texts[start : start + _AT_ONCE]), tuple(self.vectors.dims))
            for start in range(0, len(texts), _AT_ONCE)
        ]
        names = sorted(self.vectors.dims, key=lambda name: (name == "default", name))
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in names}

    def ask(self, request: pb.EmbedRequest) -> pb.EmbedResponse:
        """States, as the embedder answers them."""
        (name,) = request.endpoints
        states = self.states.run(_batch([item.text for item in request.items]), [name])[name]
        output = pb.EndpointVectors(endpoint=name, vectors=to_tensor(states.astype(np.float16)))
        return pb.EmbedResponse(outputs=[output])


def main() -> None:
    """Measure, print and keep."""
    with opened(THREADS) as network:
        rows = [
            {**measure(network, name, seed), **_setfit(name, per_class(name), seed)}
            for name in sys.argv[1:] or SETS
            for seed in range(SEEDS)
        ]
    record.keep("texts", {"rows": rows, "means": _means(rows)})


@contextlib.contextmanager
def opened(threads: int) -> Iterator[Network]:
    """The bundled network of texts in a store of its own, ready to run on so many threads."""
    configure(EngineOptions(threads=threads))
    with tempfile.TemporaryDirectory() as scratch, FileStore(Path(scratch) / "store") as store:
        backbone = bundled.find(store, BackboneName(bundled.TEXT_NAME))
        folder = Cache(Path(scratch) / "cache", store).fetch(backbone)
        vectors, states = (
            load_text_engine(folder, max_batch=_AT_ONCE, maps=maps) for maps in (False, True)
        )
        yield Network(store, Path(scratch), backbone, vectors, states, threads)


def per_class(name: str) -> int:
    """How many texts of each class of a set are drawn."""
    return PER_CLASS.get(name, USUAL_PER_CLASS)


def measure(network: Network, name: str, seed: int) -> dict[str, object]:
    """One draw of a set: what the search reaches on its test file, and what is delivered."""
    texts, k = read(name), per_class(name)
    rows, began = draw(texts, seed, k), time.monotonic()
    drawn, y = [texts.train[row] for row in rows], texts.train_y[rows]
    spoken = label_names.texts(texts.labels, float(k))
    names = network.embed(spoken) if spoken else {}
    bank = Bank(network.embed(drawn), y, texts.labels, np.arange(len(rows)), names=names)
    found = search(bank)
    frozen_s = time.monotonic() - began
    tuned = tune(_means_of(network, drawn, began), network.backbone, bank, found, seed=0)
    seconds = time.monotonic() - began
    seen = network.embed(texts.test)
    frozen = _accuracy(found, seen, texts.test_y)
    return {
        "set": name,
        "k": k,
        "seed": seed,
        "frozen_%": frozen,
        "delivered_%": frozen if tuned.tail is None else _tuned(network, tuned, texts),
        "frozen_s": round(frozen_s, 1),
        "seconds": round(seconds, 1),
        "tuning": tuned.decision.reason,
    }


def _means_of(network: Network, drawn: list[str], began: float) -> Means:
    return Means(
        store=network.store,
        cache=network.folder / "cache",
        ask=network.ask,
        contents=lambda rows: [drawn[row].encode() for row in rows],
        threads=network.threads,
        seconds_left=lambda: BUDGET_S - (time.monotonic() - began),
        tick=lambda: None,
    )


def _accuracy(found: SearchResult, seen: Vectors, y: Indices) -> float:
    x = np.concatenate([seen[name] for name in found.endpoints], axis=1)
    return round(100 * float((found.head.answer(x).best == y).mean()), 2)


def _tuned(network: Network, tuned: TunedSearch, texts: Texts) -> float:
    """% of the test texts answered right by the tuned layers."""
    made = tuned.tail
    assert made is not None
    (cut,), right = made.tail.cut, 0
    for start in range(0, len(texts.test), _AT_ONCE // 2):
        some = slice(start, start + _AT_ONCE // 2)
        states = network.states.run(_batch(texts.test[some]), [cut])[cut]
        vectors = made.tail.call([states], made.weights)
        x = np.concatenate([vectors[name].numpy() for name in made.endpoints], axis=1)
        right += int((made.head.answer(x).best == texts.test_y[some]).sum())
    return round(100 * right / len(texts.test), 2)


def draw(texts: Texts, seed: int, k: int) -> Indices:
    """The rows of train.csv in a draw of the baselines, k (or all there are) a class."""
    rng = np.random.default_rng(seed)
    found = []
    for label in range(len(texts.labels)):
        mine = np.flatnonzero(texts.train_y == label)
        found.append(mine[rng.permutation(len(mine))[:k]])
    return np.concatenate(found)


@cache
def read(name: str) -> Texts:
    """A shared set, its test file cut as the baselines cut it."""
    (train, train_labels), (test, test_labels) = (_csv(name, part) for part in ("train", "test"))
    labels = tuple(sorted(set(train_labels)))
    if len(test) > MAX_TEST:
        kept = np.sort(np.random.default_rng(12345).permutation(len(test))[:MAX_TEST])
        test, test_labels = [test[i] for i in kept], [test_labels[i] for i in kept]
    index = {label: number for number, label in enumerate(labels)}
    train_y, test_y = (
        np.array([index[label] for label in some], np.int64) for some in (train_labels, test_labels)
    )
    return Texts(labels, train, train_y, test, test_y)


def _csv(name: str, part: str) -> tuple[list[str], list[str]]:
    with (SHARED / "data" / name / f"{part}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def _batch(texts: list[str]) -> np.ndarray:
    return np.array([text.encode() for text in texts], object)


def _setfit(name: str, k: int, seed: int) -> dict[str, object]:
    told = json.loads((SHARED / "baselines" / "text.json").read_text())["setfit"]
    for row in told:
        if (row["dataset"], row["k"], row["seed"]) == (name, k, seed):
            accuracy = round(100 * row["setfit_acc"], 2)
            return {"setfit_%": accuracy, "setfit_s": row["setfit_train_s"]}
    return {}


def _means(rows: list[dict[str, object]]) -> dict[str, object]:
    """Over the draws that SetFit has a figure of, and ours over all draws of each set."""
    both = [row for row in rows if "setfit_%" in row]
    names = ("delivered_%", "frozen_%", "setfit_%", "seconds", "setfit_s")
    shared = {name: _mean([row[name] for row in both]) for name in names} if both else {}
    sets = {
        str(name): {key: _mean([r[key] for r in rows if r["set"] == name]) for key in names[:2]}
        for name in {row["set"] for row in rows}
    }
    return {"with_setfit": shared, "sets": sets}


def _mean(values: list[object]) -> float:
    return round(float(np.mean([float(str(value)) for value in values])), 2)


if __name__ == "__main__":
    main()
