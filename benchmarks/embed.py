"""What does the network cost? Embed over gRPC against the same pipeline called in this process.

32 concurrent callers, each embedding one 300x300 JPEG after the other; the two sides take turns,
the ratio is that of the medians. The gRPC side shares the machine with its client.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks import bench_suite, pictures, record
from graft.channel import open_channel
from graft.common.v1 import content_pb2
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc
from services.embedder import wire

CALLERS = 32
CALLS = 640
ROUNDS = 5
Embed = Callable[[content_pb2.Content], Awaitable[object]]


async def _rate(embed: Embed, items: Sequence[content_pb2.Content]) -> float:
    """Items a second of CALLERS concurrent callers over CALLS calls."""
    work = itertools.islice(itertools.cycle(items), CALLS)

    async def caller() -> None:
        for item in work:
            await embed(item)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return CALLS / (time.perf_counter() - started)


async def measure(name: str, items: Sequence[content_pb2.Content]) -> dict[str, object]:
    """The figures of a backbone of this name over these items."""
    with bench_suite.running("embedder") as suite:
        async with (
            bench_suite.in_process(suite, name) as loaded,
            open_channel(suite.address["embedder"]) as channel,
        ):
            stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)

            async def remote(item: content_pb2.Content) -> object:
                request = embedder_service_pb2.EmbedRequest(
                    backbone=f"backbones/{name}", items=[item]
                )
                return await stub.Embed(request)

            async def local(item: content_pb2.Content) -> object:
                return await loaded.pipeline.embed(wire.items_of([item], loaded.backbone))

            rates: dict[str, list[float]] = {"grpc": [], "in_process": []}
            await _rate(remote, items), await _rate(local, items)  # warm
            for _ in range(ROUNDS):
                rates["in_process"].append(await _rate(local, items))
                rates["grpc"].append(await _rate(remote, items))
            return _figures(rates, name, loaded.pipeline.engine.name)


def _figures(rates: dict[str, list[float]], name: str, engine: str) -> dict[str, object]:
    median = {side: statistics.median(values) for side, values in rates.items()}
    return {
        "backbone": name,
        "engine": engine,
        "callers": CALLERS,
        "items_per_second": {side: round(value, 1) for side, value in median.items()},
        "rounds": {side: [round(v, 1) for v in values] for side, values in rates.items()},
        "ratio": round(median["grpc"] / median["in_process"], 3),
        "aim": 0.9,
    }


def main() -> None:
    """Measure, print and keep."""
    jpegs = [pictures.picture(label, n) for label in range(pictures.CLASSES) for n in range(5)]
    items = [content_pb2.Content(image=jpeg) for jpeg in jpegs]
    figures = asyncio.run(measure(bench_suite.NAME, items))
    record.keep("embed", {"pictures": pictures.source(), **figures})


if __name__ == "__main__":
    main()
