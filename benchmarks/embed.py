"""What does the network cost? Embed over gRPC against the same pipeline called in this process.

32 concurrent callers, each embedding one 300x300 JPEG after the other; the two sides take turns,
the ratio is that of the medians. The gRPC side shares the machine with its client.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable

from benchmarks import bench_suite, pictures, record
from graft.channel import open_channel
from graft.common.v1 import content_pb2
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc

CALLERS = 32
CALLS = 640
ROUNDS = 5
Embed = Callable[[bytes], Awaitable[object]]


async def _rate(embed: Embed, jpegs: list[bytes]) -> float:
    """Images a second of CALLERS concurrent callers over CALLS calls."""
    work = itertools.islice(itertools.cycle(jpegs), CALLS)

    async def caller() -> None:
        for jpeg in work:
            await embed(jpeg)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return CALLS / (time.perf_counter() - started)


async def _measure(jpegs: list[bytes]) -> dict[str, object]:
    name = f"backbones/{bench_suite.NAME}"
    with bench_suite.running("embedder") as suite:
        async with (
            bench_suite.in_process(suite) as loaded,
            open_channel(suite.address["embedder"]) as channel,
        ):
            stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)

            async def remote(jpeg: bytes) -> object:
                items = [content_pb2.Content(image=jpeg)]
                return await stub.Embed(
                    embedder_service_pb2.EmbedRequest(backbone=name, items=items)
                )

            async def local(jpeg: bytes) -> object:
                return await loaded.pipeline.embed([jpeg])

            rates: dict[str, list[float]] = {"grpc": [], "in_process": []}
            await _rate(remote, jpegs), await _rate(local, jpegs)  # warm
            for _ in range(ROUNDS):
                rates["in_process"].append(await _rate(local, jpegs))
                rates["grpc"].append(await _rate(remote, jpegs))
            return _figures(rates, loaded.pipeline.engine.name)


def _figures(rates: dict[str, list[float]], engine: str) -> dict[str, object]:
    median = {side: statistics.median(values) for side, values in rates.items()}
    return {
        "backbone": bench_suite.NAME,
        "engine": engine,
        "pictures": pictures.source(),
        "callers": CALLERS,
        "images_per_second": {side: round(value, 1) for side, value in median.items()},
        "rounds": {side: [round(v, 1) for v in values] for side, values in rates.items()},
        "ratio": round(median["grpc"] / median["in_process"], 3),
        "aim": 0.9,
    }


def main() -> None:
    """Measure, print and keep."""
    jpegs = [pictures.picture(label, n) for label in range(pictures.CLASSES) for n in range(5)]
    record.keep("embed", asyncio.run(_measure(jpegs)))


if __name__ == "__main__":
    main()
