"""`python -m services.embedder.backbones SOURCE --name NAME`: import a backbone into GRAFT_STORE.

Prints the record as JSON on standard output. `graft backbones import` runs this: importing needs
TensorFlow, which the command line does without.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from graft.errors import GraftError
from services.common.backbones import record
from services.common.settings import from_process
from services.common.store import open_store
from services.embedder.backbones.importer import Wishes, import_backbone


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.embedder.backbones", description=__doc__
    )
    parser.add_argument(
        "source",
        help="a SavedModel folder, a .tar.gz of one, a .whl with a sentence encoder, or a handle",
    )
    parser.add_argument("--name", required=True, help="the name in the catalogue")
    parser.add_argument(
        "--size", type=_size, metavar="PIXELS", help="the side of the input, or HEIGHTxWIDTH"
    )
    parser.add_argument("--range", type=float, nargs=2, metavar=("LOW", "HIGH"), dest="value_range")
    parser.add_argument(
        "--preprocessor", default="", help="the module that makes an encoder's inputs of texts"
    )
    return parser.parse_args(arguments)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def main(arguments: Sequence[str] | None = None) -> int:
    """Imports; answers the exit status."""
    wanted = _arguments(arguments)
    settings = from_process("embedder")
    low_high = tuple(wanted.value_range) if wanted.value_range else None
    try:
        with open_store(settings.store_url, os.environ) as store:
            backbone = import_backbone(
                store,
                wanted.source,
                name=wanted.name,
                wishes=Wishes(wanted.size, low_high, wanted.preprocessor),
            )
    except GraftError as error:
        print(f"{error.reason}: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(record.to_json(backbone) + b"\n")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # one image is run: a GPU in use is left alone
    sys.exit(main())
