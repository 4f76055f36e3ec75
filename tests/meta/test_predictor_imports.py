"""The predictor and the client are light: they start where the heavy libraries are absent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "tensorflow_hub", "openvino", "lance", "pyarrow", "sklearn", "scipy")


def run(code: str) -> str:
    environ = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_predictor_and_the_client_import_without_the_heavy_libraries() -> None:
    block = "import sys\nfor name in {!r}: sys.modules[name] = None\n"
    run(f"{block.format(HEAVY)}import services.predictor.__main__, services.predictor.service")
    run(f"{block.format((*HEAVY, 'PIL'))}import graft, graft.cli.main")


@pytest.mark.parametrize("before", ["", "import numpy\n"])
def test_matrix_products_of_the_predictor_run_on_one_thread(before: str) -> None:
    told = run(
        f"{before}import services.predictor.__main__ as main\n"
        "main.pin_threads()\n"
        "import services.predictor.service, threadpoolctl\n"
        "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()"
        " if pool['user_api'] == 'blas'})"
    )
    assert told.strip() == "{1}"


def test_threads_that_the_environment_names_stay() -> None:
    told = run(
        "import os\n"
        "os.environ['OPENBLAS_NUM_THREADS'] = '2'\n"
        "import services.predictor.__main__ as main\n"
        "main.pin_threads()\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    assert told.strip() == "2"
