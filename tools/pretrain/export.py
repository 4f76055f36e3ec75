"""Makes a backbone of what has been learnt: `python -m tools.pretrain.export WORK FOLDER`.

WORK is the folder of `python -m tools.pretrain`, at its end or while it goes on: the state that was
kept last is taken. FOLDER gets the SavedModel, float32 with normalisations folded, and a
metadata.json that tells what it was made of; `--facts FILE` adds to that what a JSON file tells.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tools.pretrain.__main__ import TEACHER

ROOT: Final = Path(__file__).resolve().parents[2]
SIZE: Final = 96
LICENCE: Final = (
    "our own weights; learnt from Tiny ImageNet (Stanford CS231N; pictures from ImageNet, for"
    " research) and from a MobileNetV2 that was trained on ImageNet (Apache-2.0)"
)


def main() -> int:
    """Export; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.pretrain.export", description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=SIZE, help="pixels a side of its input")
    parser.add_argument("--facts", type=Path, help="a JSON object to add to metadata.json")
    wanted = parser.parse_args()
    facts = json.loads(wanted.facts.read_text()) if wanted.facts else {}
    _export(wanted.work, wanted.folder, wanted.size, facts)
    return 0


def _export(work: Path, folder: Path, size: int, facts: dict[str, Any]) -> None:
    # Imported here: Keras takes seconds to load.
    from services.embedder.distill import export, pictures
    from services.embedder.distill.run import restored
    from services.embedder.distill.student import Shape, weights_of
    from services.embedder.distill.teacher import heard

    found = pictures.prepared(work / "pictures")
    lessons = heard(work / "teacher", len(found))
    student, place = restored(lessons, found, work)
    metadata = {
        "name": folder.name,
        "modality": "image",
        "input_size": [size, size, 3],
        "input_range": [0, 1],
        "dim": Shape().dim,
        "parameters": student.count_params(),
        "data": f"{len(found)} pictures of shared/pretrain, {len(found.classes)} classes",
        "teacher": TEACHER,
        "views": len(lessons.views),
        "steps": place.step,
        "minutes": round(place.seconds / 60, 1),
        "recipe": f"tools/pretrain at {_commit()}",
        "licence": LICENCE,
        **facts,
    }
    export.save(weights_of(student), Shape(), folder, metadata)


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main())
