"""Does a tuned tail beat the frozen network? On the draws of the baselines, on whole test folders.

The heads are shrinkage LDA on joined endpoints both times. What cross-validation decided stands
beside what the test pictures say of it, which had no part in the decision.

    python -m benchmarks.tuning
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks import record
from services.common.image import DEFAULT_LIMITS, decode_picture
from services.embedder.preprocess import Preprocess
from services.embedder.views import find
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import Indices
from services.trainer.search.tail_trial import (
    Answering,
    Case,
    joined,
    measure,
    train_on_all,
    try_tail,
)
from services.trainer.search.tuned_heads import lda_heads
from services.trainer.search.tuning import FOLDS

SHARED: Final = record.ROOT.parent / "shared"
BACKBONE: Final = "mobilenet_v2_100_224"
SIDE: Final = 224
CUT: Final = "stride16"
ENDPOINTS: Final = ("default", "stride32", "stride16")
VIEWS: Final = ("", "flip")
DRAWS: Final = (
    ("clothing", 5, (0, 1, 2)),
    ("clothing", 25, (0, 1, 2)),
    ("magnetic_tile", 25, (0, 1)),
    ("omniglot20", 25, (0, 1)),
    ("clothing", 100, (0,)),
)
ROWS: Final = 16


@dataclass(frozen=True)
class Pictures:
    """The training and test pictures of a set at the cut: float16 [views, n, h, w, c]."""

    labels: tuple[str, ...]
    train: NDArray[np.float16]
    train_y: Indices
    test: NDArray[np.float16]
    test_y: Indices

    def draw(self, per_class: int, seed: int) -> Indices:
        """The examples of a draw, as the baselines took them."""
        rng = np.random.default_rng(seed)
        rows = []
        for label in range(len(self.labels)):
            mine = np.flatnonzero(self.train_y == label)
            rows.append(mine[rng.permutation(len(mine))[:per_class]])
        return np.concatenate(rows)


class Network:
    """Owns the backbone: activations at the cut, and its tail."""

    def __init__(self) -> None:
        import tensorflow as tf

        from services.networks.cut import cut
        from services.networks.module import load_module

        module = load_module(SHARED / "backbones" / BACKBONE)
        spec = tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)
        self.tail = cut(module.call, spec, [CUT])
        self._module = module
        self._run = tf.function(
            lambda x: module.call(x)[CUT], input_signature=[spec], autograph=False
        )

    def activations(self, paths: Sequence[Path], view: str) -> NDArray[np.float16]:
        """Float16 [n, h, w, c] of one view of each picture."""
        prepare, look = Preprocess(SIDE, SIDE, 0.0, 1.0), find(view)
        made = []
        for start in range(0, len(paths), ROWS):
            batch = [
                prepare(look(decode_picture(path.read_bytes(), limits=DEFAULT_LIMITS)))
                for path in paths[start : start + ROWS]
            ]
            made.append(self._run(np.stack(batch)).numpy().astype(np.float16))
        return np.concatenate(made)


def read(network: Network, name: str) -> Pictures:
    """Embeds a shared set: training pictures in all views, test pictures as they are."""
    folders = {part: SHARED / "data" / name / part for part in ("train", "test")}
    labels = tuple(sorted(p.name for p in folders["train"].iterdir() if p.is_dir()))
    paths, y = {}, {}
    for part, folder in folders.items():
        found = [(f, n) for n, c in enumerate(labels) for f in sorted((folder / c).iterdir())]
        paths[part] = [path for path, _ in found]
        y[part] = np.array([number for _, number in found])
    train = np.stack([network.activations(paths["train"], view) for view in VIEWS])
    test = network.activations(paths["test"], "")[None]
    return Pictures(labels, train, y["train"], test, y["test"])


def run(
    network: Network, name: str, pictures: Pictures, per_class: int, seed: int
) -> dict[str, Any]:
    """One draw: the decision, and both networks on the test folder."""
    from services.trainer.fitters.tail import TailTrainer

    rows = pictures.draw(per_class, seed)
    trainer = TailTrainer(network.tail, ENDPOINTS)
    fit = lda_heads(pictures.labels, ENDPOINTS)
    case = Case((pictures.train[:, rows],), pictures.train_y[rows], fit, seed)
    began = time.perf_counter()
    estimate_s = measure(trainer, case).trial_s(len(rows), len(VIEWS), trainer.batch)
    outcome = try_tail(trainer, case, stratified_folds(case.y, folds=FOLDS, seed=seed))
    tried = time.perf_counter()
    _, head = train_on_all(trainer, case, outcome)
    ended = time.perf_counter()
    tuned = accuracy(head, joined(trainer.vectors([pictures.test[0]])), pictures.test_y)
    trainer.reset()
    views = [trainer.vectors([view]) for view in case.activations[0]]
    frozen_head = fit(views, case.y)[outcome.frozen_head]
    frozen = accuracy(frozen_head, joined(trainer.vectors([pictures.test[0]])), pictures.test_y)
    found = outcome.comparison
    return {
        "set": name,
        "per_class": per_class,
        "seed": seed,
        "test_frozen": frozen,
        "test_tuned": tuned,
        "held_out_frozen": round(100 * found.frozen_accuracy, 2),
        "held_out_tuned": round(100 * found.tuned_accuracy, 2),
        "log_loss_gain": round(found.gain, 3),
        "standard_error": round(found.error, 3),
        "taken": outcome.verdict.yes,
        "rounds": outcome.rounds,
        "estimate_s": round(estimate_s, 1),
        "trial_s": round(tried - began, 1),
        "final_s": round(ended - tried, 1),
    }


def accuracy(head: Answering, vectors: NDArray[np.float32], y: Indices) -> float:
    """In per cent."""
    return round(100 * float((head.log_proba(vectors).argmax(axis=1) == y).mean()), 2)


def main() -> None:
    """Run every draw; keep the table and its means."""
    from services.trainer.fitters.tail import set_up

    set_up(1)
    network, table, sets = Network(), [], dict[str, Pictures]()
    with threadpool_limits(limits=1, user_api="blas"):
        for name, per_class, seeds in DRAWS:
            if name not in sets:
                sets = {name: read(network, name)}  # one at a time
            table += [run(network, name, sets[name], per_class, seed) for seed in seeds]
            sys.stderr.write(f"{table[-1]}\n")
    record.keep("tuning", {"backbone": BACKBONE, "cut": CUT, "sets": means(table), "draws": table})


def means(table: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Accuracy on the test folders by set and size, over draws: frozen, and as was decided. Sets
    are not averaged over: they have different numbers of draws."""
    found: dict[str, dict[str, float]] = {}
    for name, per_class, _ in DRAWS:
        rows = [row for row in table if (row["set"], row["per_class"]) == (name, per_class)]
        served = [row["test_tuned"] if row["taken"] else row["test_frozen"] for row in rows]
        found[f"{name} {per_class}"] = {
            "frozen": round(float(np.mean([row["test_frozen"] for row in rows])), 2),
            "tuned": round(float(np.mean([row["test_tuned"] for row in rows])), 2),
            "decided": round(float(np.mean(served)), 2),
            "taken": sum(row["taken"] for row in rows),
            "draws": len(rows),
        }
    return found


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
