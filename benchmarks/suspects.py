"""Are wrong labels found as well as cleanlab finds them, on the same held-out answers?

    python -m benchmarks.suspects FOLDER [BACKBONE ...]

FOLDER holds embeddings as `benchmarks/feature_files.py` says. In draws of 10 and 25 examples a
class a tenth of the labels is flipped to another class at random; the search, told nothing, gives
held-out answers. Average precision of our ranking stands beside that of cleanlab's: its three label
quality scores, and its find_label_issues with the rest ranked behind. cleanlab is installed into an
environment of its own, once; where it cannot be had its columns are left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import record
from benchmarks.feature_files import FeatureFile, Indices, read_all
from services.common.heads.base import Floats
from services.trainer.evaluate.suspects import doubts
from services.trainer.search.run import search

KS = (10, 25)
DRAWS = 5
FLIPPED = 0.1
CLEANLAB = "cleanlab==2.9.0"
PLACE = Path.home() / ".cache" / "graft-benchmarks" / CLEANLAB
SCRIPT = Path(__file__).with_name("cleanlab_scores.py")

Scores = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """One draw with flipped labels: held-out probabilities `[m, c]` of its m items, which labels
    are `wrong` `[m]`, and our rankings of them."""

    name: str
    proba: Floats
    y: Indices
    wrong: NDArray[np.bool_]
    ours: Scores


def main() -> None:
    """Measure, print and keep."""
    folder, *backbones = sys.argv[1:]
    cases = [case for found in read_all(Path(folder), backbones) for case in _cases(found)]
    theirs = _cleanlab(cases)
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for case, scores in zip(cases, theirs, strict=True):
        for ranking, score in {**case.ours, **scores}.items():
            rows[case.name][ranking].append(average_precision(score, case.wrong))
    sets = {name: _mean(found) for name, found in rows.items()}
    whole: dict[str, list[float]] = defaultdict(list)
    for found in rows.values():
        for ranking, values in found.items():
            whole[ranking] += values
    figures = {"draws": len(cases), "flipped": FLIPPED, "ks": KS, "mean": _mean(whole)}
    record.keep("suspects", {**figures, "sets": sets})


def _mean(found: dict[str, list[float]]) -> dict[str, float]:
    return {ranking: round(float(np.mean(values)), 4) for ranking, values in found.items()}


def average_precision(score: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """The mean, over wrong labels, of the precision down to each; equals in their order."""
    hit = wrong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def _cases(found: FeatureFile) -> Iterator[Case]:
    for k in KS:
        for seed in range(DRAWS if found.has(k) else 0):
            yield _case(found, k, seed)


def _case(found: FeatureFile, k: int, seed: int) -> Case:
    drawn = found.draw(seed, k)
    truth, classes = found.train_y[drawn], len(found.labels)
    rng = np.random.default_rng([seed, k])
    flipped = rng.choice(len(truth), round(FLIPPED * len(truth)), replace=False)
    y = truth.copy()
    y[flipped] = (truth[flipped] + rng.integers(1, classes, len(flipped))) % classes
    result = search(found.bank(drawn, y))
    assert result.held_out is not None
    log_proba, items = result.held_out.log_proba, result.held_out.items
    ours = {
        "ours": doubts(log_proba, items, y, result.examples.x).score,
        "ours_answers_alone": doubts(log_proba, items, y).score,
    }
    proba = np.exp(log_proba).mean(axis=0)
    return Case(f"{found.name} {k}", proba, y[items], (y != truth)[items], ours)


def _cleanlab(cases: list[Case]) -> list[Scores]:
    """cleanlab's scores for every case, higher the more doubtful; none where it cannot be had."""
    try:
        python = _environment()
    except (subprocess.CalledProcessError, OSError) as error:
        sys.stderr.write(f"without cleanlab, which cannot be installed here: {error}\n")
        return [{} for _ in cases]
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            np.savez(Path(folder, f"{number}.in.npz"), proba=case.proba, y=case.y)
        subprocess.run([str(python), str(SCRIPT), folder], check=True)
        return [_read(Path(folder, f"{number}.out.npz")) for number in range(len(cases))]


def _environment() -> Path:
    """The interpreter of an environment with cleanlab, made where there is none."""
    python = PLACE / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import cleanlab"]).returncode:
        venv.create(PLACE, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", CLEANLAB], check=True)
    return python


def _read(path: Path) -> Scores:
    with np.load(path) as found:
        return {name: found[name] for name in found}


if __name__ == "__main__":
    main()
