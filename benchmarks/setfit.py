"""Are models of texts as good as SetFit's, in a quarter of its time on the same cores?

    python -m benchmarks.setfit [SET ...]

The draws of benchmarks/texts.py go through the search and the tuning, as a job does them, and
through SetFit on the same weights, one right after the other with as many threads. SetFit has an
environment of its own, `.tools/setfit`, made the first time from setfit_requirements.txt: torch
brings the libraries of a GPU along, which are not used, 6 GB in all. Seconds are from labelled
texts to a model, packages and networks loaded before.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from benchmarks import record
from benchmarks.texts import SEEDS, Network, draw, measure, opened, per_class, read
from services.embedder.backbones import bundled
from tools.go_program import TOOLS

SETS: Final = ("cr", "trec6", "sst2")
THREADS: Final = 1
"""Of each of the two: threads that wait for each other would make a busy machine decide."""
AIM: Final = 0.25
"""Of SetFit's seconds."""
REQUIREMENTS: Final = Path(__file__).with_name("setfit_requirements.txt")
ENVIRONMENT: Final = TOOLS / "setfit"


@dataclass(frozen=True)
class SetFit:
    """A process that trains SetFit; idle unless it is asked."""

    questions: IO[str]
    answers: IO[str]

    def ask(self, question: dict[str, object]) -> dict[str, Any]:
        """The answer of benchmarks/setfit_run.py; EOFError where its process has ended."""
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()
        line = self.answers.readline()
        if not line:
            raise EOFError("SetFit ended without an answer; what it said stands above")
        found: dict[str, Any] = json.loads(line)
        return found


def main() -> None:
    """Measure, print and keep."""
    python = _environment()
    with opened(THREADS) as network, _running(python) as setfit:
        rows = [
            _row(network, setfit, name, seed)
            for name in sys.argv[1:] or SETS
            for seed in range(SEEDS)
        ]
    record.keep("setfit", {"threads": THREADS, "rows": rows, "aim": AIM, **_means(rows)})


def _row(network: Network, setfit: SetFit, name: str, seed: int) -> dict[str, Any]:
    ours, texts = measure(network, name, seed), read(name)
    rows = draw(texts, seed, per_class(name))
    theirs = setfit.ask(
        {
            "train": [texts.train[row] for row in rows],
            "y": texts.train_y[rows].tolist(),
            "test": texts.test,
        }
    )
    right = np.array(theirs["predictions"]) == texts.test_y
    row = {
        **ours,
        "setfit_%": round(100 * float(right.mean()), 2),
        "setfit_s": round(theirs["seconds"], 1),
    }
    print(json.dumps(row), file=sys.stderr)
    return row


def _means(rows: list[dict[str, Any]]) -> dict[str, object]:
    """Over all draws and by set; `time_share` is the sum of our seconds over that of SetFit's."""
    sets = {row["set"]: [other for other in rows if other["set"] == row["set"]] for row in rows}
    return {"means": _mean(rows), "sets": {name: _mean(some) for name, some in sets.items()}}


def _mean(rows: list[dict[str, Any]]) -> dict[str, float]:
    names = ("frozen_%", "delivered_%", "setfit_%", "seconds", "setfit_s")
    found = {name: float(np.mean([row[name] for row in rows])) for name in names}
    found["time_share"] = found["seconds"] / found["setfit_s"]
    return {name: round(value, 3) for name, value in found.items()}


def _environment() -> Path:
    """The Python that has SetFit, installed first if need be."""
    python, ready = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".ready"
    wanted = REQUIREMENTS.read_text()
    if not ready.is_file() or ready.read_text() != wanted:
        print(f"making {ENVIRONMENT} (6 GB, some minutes)", file=sys.stderr)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        ready.write_text(wanted)
    return python


@contextlib.contextmanager
def _running(python: Path) -> Iterator[SetFit]:
    """SetFit on the weights of the bundled network, with THREADS threads and no network."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ |= {
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(THREADS),
        "TOKENIZERS_PARALLELISM": "false",
    }
    asked = (str(bundled.text_folder()), str(THREADS))
    command = [str(python), "-m", "benchmarks.setfit_run", *asked]
    with subprocess.Popen(
        command,
        cwd=record.ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield SetFit(process.stdin, process.stdout)
            process.stdin.close()
            process.wait()
        finally:
            process.kill()


if __name__ == "__main__":
    main()
