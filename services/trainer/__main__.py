"""The trainer as a process: `python -m services.trainer`."""

from __future__ import annotations

import os

from services.common.server import launch, open_settings_store, run
from services.common.settings import Settings, from_process
from services.trainer.service import Trainer


async def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    with open_settings_store(settings) as store:
        trainer = Trainer(settings, store, os.environ)
        await run(settings, trainer.server, warm=trainer.warm, drain=trainer.drain)


if __name__ == "__main__":
    launch(from_process("trainer"), serve)
