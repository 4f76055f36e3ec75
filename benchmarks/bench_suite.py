"""A running suite for benchmarks with the backbone they use, and its parts in this process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from benchmarks.pictures import BACKBONE
from services.common.settings import read_settings
from services.common.store import open_store
from services.embedder.__main__ import Embedder
from services.embedder.backbones import bundled
from services.embedder.loaded import Loaded
from tests.support.suite import SERVICES, Suite

NAME = "mobilenet_v2_100_224" if BACKBONE.is_dir() else bundled.NAME


@contextlib.contextmanager
def running(*services: str) -> Iterator[Suite]:
    """Warm services (all three unless named) on a fresh store that holds the backbone `NAME`."""
    with tempfile.TemporaryDirectory() as folder:
        if BACKBONE.is_dir():
            _import(f"file://{folder}/store")
        environ = {"GRAFT_BACKBONES": NAME, "GRAFT_LOG_LEVEL": "WARNING"}
        with Suite(Path(folder), services=services or SERVICES, **environ) as suite:
            yield suite


def _import(store_url: str) -> None:
    """In a process of its own, since TensorFlow is configured once a process."""
    command = [sys.executable, "-m", "services.embedder.backbones", str(BACKBONE), "--name", NAME]
    environ = {**os.environ, "GRAFT_STORE": store_url}
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL, timeout=120)


@contextlib.asynccontextmanager
async def in_process(suite: Suite, name: str = NAME) -> AsyncIterator[Loaded]:
    """The embedder's own pipeline of a backbone in this process, over the suite's store."""
    environ = {
        "GRAFT_STORE": suite.store_url,
        "GRAFT_LISTEN": "127.0.0.1:0",
        "GRAFT_BACKBONES": name,
        "GRAFT_CACHE": suite.store_url.removeprefix("file://") + "-cache",
    }
    with open_store(suite.store_url, {}) as store:
        embedder = Embedder(read_settings("embedder", environ), store)
        await embedder.warm()
        yield await embedder.backbones.get(f"backbones/{name}")
        await embedder.drain()
