"""Trains SetFit, for benchmarks/setfit.py, in the environment that has it.

    python -m benchmarks.setfit_run FOLDER THREADS

FOLDER holds the network as sentence-transformers keeps it. Every line of standard input is a JSON
object with `train` (texts), `y` (class indices) and `test` (texts); each is answered by one with
`predictions` (class indices) and `seconds`, those of training. The recipe is the published one
(Tunstall et al., 2022): 20 pairs of each kind for an example, one epoch, batches of 16, a logistic
regression on the vectors. Loading packages and the network is not counted.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

# Not among our dependencies: this runs in an environment of its own.
import torch  # type: ignore[import-not-found]
from datasets import Dataset  # type: ignore[import-not-found]
from setfit import SetFitModel, Trainer, TrainingArguments  # type: ignore[import-not-found]

PAIRS_OF_AN_EXAMPLE = 20
BATCH = 16
AT_ONCE = 32


def main(folder: str, threads: int) -> None:
    """Answers until standard input ends. What the packages print goes to standard error."""
    torch.set_num_threads(threads)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            answers.write(json.dumps(_answer(folder, json.loads(line))) + "\n")
            answers.flush()


def _answer(folder: str, asked: dict[str, Any]) -> dict[str, object]:
    model = SetFitModel.from_pretrained(folder, device="cpu", local_files_only=True)
    with tempfile.TemporaryDirectory() as scratch:
        recipe = TrainingArguments(
            output_dir=scratch,
            num_iterations=PAIRS_OF_AN_EXAMPLE,
            num_epochs=1,
            batch_size=BATCH,
            seed=0,
            report_to="none",
            save_strategy="no",
        )
        examples = Dataset.from_dict({"text": asked["train"], "label": asked["y"]})
        began = time.monotonic()
        Trainer(model=model, args=recipe, train_dataset=examples).train()
        seconds = time.monotonic() - began
    found = model.predict(asked["test"], batch_size=AT_ONCE)
    return {"predictions": [int(label) for label in found], "seconds": seconds}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
