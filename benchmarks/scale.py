"""How do time and memory of a training grow with the examples and the classes?

    python -m benchmarks.scale

Search and report over made embeddings of 1280 (classes are directions, examples scatter about
them), each size in a process of its own, whose peak of resident memory is told. The embeddings
themselves are held in memory as float16, as a job holds those that it read from the cache.
`cpu_s` is the time of all cores of search and report together, which a busy machine stretches less.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import numpy as np

from benchmarks import record
from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2
from services.trainer.assessment import Subject, assess
from services.trainer.evaluate.proto import Source
from services.trainer.pipeline import SEARCH_SHARE
from services.trainer.running import DEFAULT_BUDGET_S
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.run import SearchSettings, search

DIM = 1280
SIZES = ((10_000, 10), (100_000, 10), (1_000_000, 10), (20_000, 1_000))
"""Examples and classes of each run."""
AIMS = {"GiB of 1,000,000 embeddings": 6.0, "s of 1,000 x 20": 60.0, "GiB of 1,000 x 20": 4.0}
BUDGET_S = DEFAULT_BUDGET_S[backbone_pb2.MODALITY_IMAGE]
_CHUNK = 10_000
_SPREAD = 1.5  # of an example about its class, as a multiple of the length of the class's direction


def main() -> None:
    """Measure each size in a process of its own, print and keep."""
    if len(sys.argv) == 3:
        json.dump(_measure(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
        return
    runs = [_apart(examples, classes) for examples, classes in SIZES]
    record.keep("scale", {"dim": DIM, "aims": AIMS, "runs": runs})


def _apart(examples: int, classes: int) -> object:
    command = [sys.executable, "-m", "benchmarks.scale", str(examples), str(classes)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure(examples: int, classes: int) -> dict[str, float]:
    bank = _bank(examples, classes)
    held_gib = _peak_gib()
    began, worked = time.monotonic(), time.process_time()
    found = search(bank, SearchSettings(budget_s=SEARCH_SHARE * BUDGET_S))
    searched = time.monotonic()
    subject = Subject(
        found=found,
        bank=bank,
        alike=bank.groups,
        backbone=backbone_pb2.Backbone(),
        sources=[Source(str(number), "") for number in range(examples)],
        data=evaluation_pb2.DataSummary(),
        seed=0,
        left_s=lambda: BUDGET_S - (time.monotonic() - began),
    )
    accuracy = assess(subject).evaluation.accuracy.estimate
    return {
        "examples": examples,
        "classes": classes,
        "search_s": round(searched - began, 1),
        "report_s": round(time.monotonic() - searched, 1),
        "cpu_s": round(time.process_time() - worked, 1),
        "held_gib": held_gib,
        "peak_gib": _peak_gib(),
        "accuracy": round(accuracy, 4),
    }


def _bank(examples: int, classes: int) -> Bank:
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((classes, DIM), np.float32)
    y = np.sort(np.arange(examples) % classes)
    x = np.empty((examples, DIM), np.float16)
    for start in range(0, examples, _CHUNK):
        some = y[start : start + _CHUNK]
        noise = rng.standard_normal((len(some), DIM), np.float32) * (_SPREAD * DIM**0.25)
        x[start : start + _CHUNK] = directions[some] + noise
    return Bank({DEFAULT: x}, y, tuple(map(str, range(classes))), np.arange(examples))


def _peak_gib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2)


if __name__ == "__main__":
    main()
