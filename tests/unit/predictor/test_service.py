"""The predictor put together: what stops it at its start, what it waits for, how it ends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from services.common.settings import read_settings
from services.common.store import open_store
from services.predictor.service import Predictor
from tests.support.embedder import FakeEmbedder


async def test_it_waits_for_an_embedder_that_starts_later_and_leaves_no_thread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    embedder = FakeEmbedder()
    with embedder:
        address = embedder.address
        embedder.stop()
        values = {"GRAFT_LISTEN": "127.0.0.1:0", "GRAFT_EMBEDDER": address}
        predictor = Predictor(read_settings("predictor", values), open_store(str(tmp_path), {}))
        await predictor.server.start()
        warming = asyncio.ensure_future(predictor.warm())
        async with asyncio.timeout(20):
            while "waiting for the embedder" not in caplog.text:
                assert not warming.done()
                await asyncio.wait({warming}, timeout=0.05)
            await asyncio.to_thread(embedder.start)
            await warming
        await predictor.server.stop(0)
        await predictor.drain()
    ours = ("store", "catalogue", "heads")
    assert not [t.name for t in threading.enumerate() if t.name.startswith(ours)]
    assert address in caplog.text
