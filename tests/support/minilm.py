"""The text backbone's SavedModel, built once for all tests of a checkout, under `.tools`."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import Final

import pytest

from graft.errors import NotFound
from services.common.backbones import record
from services.embedder.backbones import bundled, source
from services.networks import bert, pooling, sentence_encoder, word_pieces
from tools.go_program import TOOLS

KEPT_S: Final = 7 * 86_400.0
"""How long the network of other code is kept after it was last asked for."""


def folder() -> Path:
    """Where it is, made first if need be; the test is skipped where its package is not installed.

    Its name is that of the weights and of the code that builds it: changed code builds another.
    """
    try:
        package = bundled.text_folder()
    except NotFound as error:
        pytest.skip(str(error))
    modules = (bert, pooling, sentence_encoder, word_pieces)
    code = [Path(str(module.__file__)) for module in modules]
    name = "-".join(record.fingerprint(path)[1][:8] for path in code)
    made = TOOLS / f"minilm-{name}"
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "minilm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            partial = source.build(package, TOOLS / f"partial-{os.getpid()}")
            partial.rename(made)
        os.utime(made)
        for other in TOOLS.glob("minilm-*"):
            if time.time() - other.stat().st_mtime > KEPT_S:
                shutil.rmtree(other)
    return made
