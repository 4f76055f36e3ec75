"""Run by an interpreter that has cleanlab (benchmarks/suspects.py does):
FOLDER/*.in.npz to *.out.npz.

Each input holds held-out probabilities `proba` `[m, c]` and labels `y` `[m]`; each output an array
`[m]` for every ranking of cleanlab's, higher the more doubtful.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def main() -> None:
    """Score every input in the folder."""
    rank = importlib.import_module("cleanlab.rank")
    issues = importlib.import_module("cleanlab.filter")
    for path in sorted(Path(sys.argv[1]).glob("*.in.npz")):
        with np.load(path) as case:
            y, proba = case["y"], case["proba"].astype(float)
        proba /= proba.sum(axis=1, keepdims=True)
        found: dict[str, Any] = {}
        for method in METHODS:
            doubt = 1 - rank.get_label_quality_scores(y, proba, method=method)
            ranked = issues.find_label_issues(y, proba, return_indices_ranked_by=method, n_jobs=1)
            first = doubt.copy()
            first[ranked] = 2 + np.arange(len(ranked))[::-1]  # before all that is no issue
            found |= {f"cleanlab {method}": doubt, f"cleanlab issues by {method}": first}
        np.savez(path.with_name(path.name.replace(".in.", ".out.")), **found)


if __name__ == "__main__":
    main()
