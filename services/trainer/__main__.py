"""The trainer as a process: `python -m services.trainer`."""

from __future__ import annotations

import os

from graft.errors import InvalidArgument
from services.common.server import launch, run
from services.common.settings import Settings, from_process
from services.common.store import Store, open_store
from services.trainer.service import Trainer


def _open(settings: Settings) -> Store:
    try:
        return open_store(settings.store_url, os.environ)
    except InvalidArgument as error:
        raise SystemExit(f"graft trainer: GRAFT_STORE: {error}") from error


async def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    with _open(settings) as store:
        trainer = Trainer(settings, store, os.environ)
        await run(settings, trainer.server, warm=trainer.warm, drain=trainer.drain)


if __name__ == "__main__":
    launch(from_process("trainer"), serve)
