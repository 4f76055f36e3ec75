"""The bundled backbone is worth what its metadata say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.embed_sets import embedded
from benchmarks.feature_files import of_arrays
from benchmarks.pictures import SHARED
from services.embedder.backbones import bundled
from tests.support.savedmodel import THREADS
from tools.pretrain.probe import CUTS, SEEDS, accuracy

SET = "houses"
K = 10
WITHIN = 1.0
"""Points of accuracy, mean over the draws: another CPU rounds otherwise."""


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_its_probe_on_a_shared_set_is_the_one_that_was_written_down() -> None:
    if not (SHARED / "data" / SET).is_dir():
        pytest.skip(f"the shared data set {SET} is not beside this checkout")
    assert THREADS
    stated = json.loads((bundled.FOLDER / "metadata.json").read_text())["transfer"]
    found = of_arrays(bundled.NAME, SET, embedded(bundled.FOLDER, SET))
    for cut, endpoints in CUTS.items():
        draws = [accuracy(found, found.draw(seed, K), endpoints) for seed in range(SEEDS)]
        assert 100 * float(np.mean(draws)) == pytest.approx(stated[f"{cut} k={K}"][SET], abs=WITHIN)
