"""What are the names of labels worth, as one more example of each class?

    python -m benchmarks.label_names [SET ...]

For each shared set of texts, k and draw of shared/baselines, the search runs with the names and
without, and both answer the test file (of benchmarks/texts.py). Nothing is tuned. `used` says in
how many draws the names were examples, since they alone answer the drawn texts beyond chance; of
trec6 the labels are codes, and nothing is tried.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, Final

import numpy as np

from benchmarks import record
from benchmarks.texts import SETS, Network, Texts, draw, opened, read
from services.embedder.engines.base import Vectors
from services.trainer import label_names
from services.trainer.search.bank import Bank
from services.trainer.search.run import SearchResult, search

KS: Final = (1, 2, 5, 8)
SEEDS: Final = 5
MANY: Final = 20
FEW_SEEDS: Final = 3
"""Draws of a set with more than MANY classes, whose searches take longer."""
THREADS: Final = 1


def main() -> None:
    """Measure, print and keep."""
    with opened(THREADS) as network:
        rows = [row for name in sys.argv[1:] or SETS for row in _of_set(network, name)]
    record.keep("label_names", {"rows": rows})


def _of_set(network: Network, name: str) -> list[dict[str, object]]:
    texts = read(name)
    seen = network.embed(texts.test)
    spoken = label_names.texts(texts.labels, float(max(KS)))
    names = network.embed(spoken) if spoken else {}
    seeds = range(FEW_SEEDS if len(texts.labels) > MANY else SEEDS)
    return [
        _mean(name, k, [_draw(network, texts, seen, names, k, seed) for seed in seeds]) for k in KS
    ]


def _draw(
    network: Network, texts: Texts, seen: Vectors, names: Vectors, k: int, seed: int
) -> dict[str, Any]:
    rows = draw(texts, seed, k)
    vectors = network.embed([texts.train[row] for row in rows])
    bank = Bank(vectors, texts.train_y[rows], texts.labels, np.arange(len(rows)))
    plain, named = search(bank), search(replace(bank, names=names))
    return {
        "without_%": _accuracy(plain, seen, texts),
        "with_%": _accuracy(named, seen, texts),
        "used": named.names is not None and named.names.told,
    }


def _accuracy(found: SearchResult, seen: Vectors, texts: Texts) -> float:
    x = np.concatenate([seen[name] for name in found.endpoints], axis=1)
    return 100 * float((found.head.answer(x).best == texts.test_y).mean())


def _mean(name: str, k: int, rows: list[dict[str, Any]]) -> dict[str, object]:
    gains = [row["with_%"] - row["without_%"] for row in rows]
    return {
        "set": name,
        "k": k,
        "without_%": round(float(np.mean([row["without_%"] for row in rows])), 2),
        "with_%": round(float(np.mean([row["with_%"] for row in rows])), 2),
        "worst_gain": round(min(gains), 2),
        "used": sum(row["used"] for row in rows),
        "draws": len(rows),
    }


if __name__ == "__main__":
    main()
