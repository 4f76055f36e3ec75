"""`python -m services.embedder.distill TEACHER --images FOLDER --name NAME --seconds S --work DIR`.

Distils a backbone of the catalogue in GRAFT_STORE on the pictures below FOLDER into one named NAME,
and prints its record and the check against its teacher as JSON on standard output. Each line of
standard error is `{share} {phase}`; the last one of a failure is `{REASON}: {text}`.

`graft backbones distill` runs this: it needs TensorFlow, which the command line does without.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from graft.errors import GraftError
from services.common.backbones import record
from services.common.cpu import available_threads
from services.common.settings import from_process
from services.common.store import open_store
from services.embedder.distill.distillation import Distillation

_TELL_EVERY_S: Final = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Distils; answers the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m services.embedder.distill", description=__doc__
    )
    parser.add_argument("teacher", help="the name of a backbone in the catalogue")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--name", required=True, help="the name in the catalogue")
    parser.add_argument("--seconds", type=float, required=True, help="how long it may take")
    parser.add_argument("--work", type=Path, required=True, help="kept until it has succeeded")
    wanted = parser.parse_args(arguments)
    until = time.monotonic() + wanted.seconds
    settings = from_process("embedder")
    try:
        with open_store(settings.store_url, os.environ) as store:
            distillation = Distillation(store, wanted.work, threads=available_threads())
            backbone, check = distillation.run(
                wanted.teacher, wanted.images, wanted.name, until=until, say=_Teller()
            )
    except GraftError as error:
        print(f"{error.reason}: {error}", file=sys.stderr)
        return 1
    found = {"backbone": json.loads(record.to_json(backbone)), "check": dataclasses.asdict(check)}
    print(json.dumps(found))
    return 0


class _Teller:
    """Tells the share that is done, at most once a second."""

    def __init__(self) -> None:
        self._told = float("-inf")

    def __call__(self, what: str, share: float) -> None:
        if time.monotonic() - self._told >= _TELL_EVERY_S:
            self._told = time.monotonic()
            print(f"{share:.4f} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.exit(main())
