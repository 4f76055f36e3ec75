"""How good the models are, and whether the report tells the truth: `make bench-quality`.

The draws of shared/baselines (k examples a class, 5 seeds) go through the trainer's search, and
what comes out is tried on the whole test folders:

- accuracy beside the one scikit-learn method that is best on the mean over the sets at that k;
- how often the 95% interval of the report holds the accuracy on the test folder, and how wide it is
  beside a binomial interval at the same n;
- the expected calibration error.

`python -m benchmarks.quality [BACKBONE] [SEEDS]`
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.embed_sets import FOLDER, files
from benchmarks.feature_files import FeatureFile, read_all
from benchmarks.pictures import SHARED
from benchmarks.record import keep
from services.trainer.evaluate.intervals import wilson
from services.trainer.evaluate.metrics import calibration_error, measure
from services.trainer.search.run import SearchResult, SearchSettings, search

BACKBONE: Final = "mobilenet_v2_100_224"
SEEDS: Final = 5
MAX_WITH_VIEWS: Final = 24  # as the pipeline does
# The best single method on the mean over the sets, and what is wished above it, in points.
RIVALS: Final = {
    1: ("svm_l2", 0.0),
    5: ("lr_l2_C100", 0.5),
    10: ("lr_l2_C100", 1.0),
    25: ("lda_auto", 1.5),
    100: ("lda_auto", 2.0),
}


@dataclass(frozen=True)
class Draw:
    """What came of one draw; accuracies as shares, `covered` None where nothing was measured."""

    name: str
    k: int
    accuracy: float
    calibration_error: float
    seconds: float
    covered: bool | None
    width: float
    binomial_width: float
    estimate: float
    chosen: str


def draws(sets: Sequence[FeatureFile], k: int, seeds: int) -> Iterator[Draw]:
    """Every draw of k; one where a draw takes all there is."""
    for found in sets:
        if not found.has(k):
            continue
        most = int(np.bincount(found.train_y).max())
        for seed in range(seeds if k < most else 1):
            yield _draw(found, k, seed)


def _draw(found: FeatureFile, k: int, seed: int) -> Draw:
    bank = found.bank(found.draw(seed, k), views=("flip",) if 3 <= k <= MAX_WITH_VIEWS else ())
    began = time.perf_counter()
    result = search(bank, SearchSettings(seed=seed))
    seconds = time.perf_counter() - began
    x = np.concatenate([found.test[name].astype(np.float32) for name in result.endpoints], axis=1)
    proba = result.head.proba(x)
    right = proba.argmax(axis=1) == found.test_y
    covered, width, binomial, estimate = _interval(result, float(right.mean()))
    parameters = result.parameters
    return Draw(
        found.name,
        k,
        float(right.mean()),
        calibration_error(proba.max(axis=1), right),
        seconds,
        covered,
        width,
        binomial,
        estimate,
        f"{parameters['method']} on {parameters['cut']}",
    )


def _interval(result: SearchResult, truth: float) -> tuple[bool | None, float, float, float]:
    held_out = result.held_out
    if held_out is None:
        return None, 0.0, 0.0, 0.0
    numbers = measure(
        held_out.log_proba,
        result.examples.y[held_out.items],
        result.examples.labels,
        train_share=held_out.train_share,
        optimism=result.optimism,
    )
    found, n = numbers.accuracy, numbers.count
    plain = wilson(numbers.share_right * n, n)
    assert plain is not None
    covered = found.low <= truth <= found.high
    return covered, found.high - found.low, plain.high - plain.low, found.estimate


def _rival(baselines: list[dict[str, object]], backbone: str, k: int) -> dict[str, float]:
    method = RIVALS[k][0]
    return {
        str(row["dataset"]): 100 * float(str(row["mean"]))
        for row in baselines
        if (row["backbone"], row["k"], row["method"]) == (backbone, k, method)
    }


def summary(made: Sequence[Draw], rival: dict[str, float], k: int) -> dict[str, object]:
    """The figures of one k, in points of accuracy."""
    names = sorted({draw.name for draw in made})
    mine = {n: 100 * float(np.mean([d.accuracy for d in made if d.name == n])) for n in names}
    common = [n for n in names if n in rival]
    told = [draw for draw in made if draw.covered is not None]
    figures: dict[str, object] = {
        "draws": len(made),
        "rival": RIVALS[k][0],
        "accuracy": {n: round(mine[n], 2) for n in names},
        "gain": {n: round(mine[n] - rival[n], 2) for n in common},
        "mean_gain": round(float(np.mean([mine[n] - rival[n] for n in common])), 2),
        "wished_gain": RIVALS[k][1],
        "calibration_error": round(float(np.mean([d.calibration_error for d in made])), 4),
        "seconds": round(float(np.mean([d.seconds for d in made])), 2),
    }
    if told:
        covered = [bool(d.covered) for d in told]
        figures["coverage"] = round(100 * float(np.mean(covered)), 1)
        figures["coverage_by_set"] = {
            n: round(100 * float(np.mean([bool(d.covered) for d in told if d.name == n])), 1)
            for n in names
        }
        ratio = np.mean([d.width for d in told]) / np.mean([d.binomial_width for d in told])
        figures["width_ratio"] = round(float(ratio), 3)
        bias = np.mean([d.estimate - d.accuracy for d in told])
        figures["estimate_minus_truth"] = round(100 * float(bias), 2)
    return figures


def main() -> int:
    """Print and keep the table."""
    backbone = sys.argv[1] if len(sys.argv) > 1 else BACKBONE
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS
    if not any(True for _ in files(backbone)):
        print("bench-quality needs the shared data sets beside the checkout", file=sys.stderr)
        return 1
    baselines = json.loads((SHARED / "baselines" / "image.json").read_text())["results"]
    sets = list(read_all(FOLDER, [backbone]))
    figures: dict[str, object] = {"backbone": backbone, "seeds": seeds}
    for k in RIVALS:
        made = list(draws(sets, k, seeds))
        figures[f"k={k}"] = summary(made, _rival(baselines, backbone, k), k)
        print(f"k={k}", json.dumps(figures[f"k={k}"]), file=sys.stderr, flush=True)
    keep(f"quality_{backbone}", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
