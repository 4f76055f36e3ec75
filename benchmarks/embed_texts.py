"""What does the network cost where texts are embedded? As benchmarks/embed.py asks of pictures.

The texts are those of the tests that have fewer than 200 characters, of every script.
"""

from __future__ import annotations

import asyncio

from benchmarks import embed, record
from graft.common.v1 import content_pb2
from services.embedder.backbones import bundled
from tests.support import texts


def main() -> None:
    """Measure, print and keep."""
    short = [text for text in texts.make(1000, 0) if len(text) < 200]
    items = [content_pb2.Content(text=text) for text in short]
    record.keep("embed_texts", asyncio.run(embed.measure(bundled.TEXT_NAME, items)))


if __name__ == "__main__":
    main()
