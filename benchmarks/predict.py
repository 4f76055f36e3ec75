"""How much slower is a prediction over gRPC than its parts called bare?

One caller, one 300x300 JPEG after the other; each round measures both sides in turn. The stages of
the gRPC side are those that the predictor answers with every prediction.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass

from benchmarks import bench_suite, pictures, record
from benchmarks.bare import Bare
from graft.channel import open_channel
from graft.common.v1 import content_pb2
from graft.names import VersionName
from graft.predictor.v1 import predictor_service_pb2, predictor_service_pb2_grpc
from graft.trainer.v1 import dataset_service_pb2
from services.common import artifacts
from services.common.heads.head import Head
from services.common.store import open_store
from tests.support import calls
from tests.support.suite import Suite

CALLS = 40
ROUNDS = 10
MODEL = "clothes"
Seconds = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A head, and the endpoints whose vectors it takes."""

    head: Head
    endpoints: tuple[str, ...]


def train(suite: Suite) -> Trained:
    """Train a model on 5 pictures a class through the services; answer what it became."""
    examples = [
        dataset_service_pb2.Example(
            path=f"{label}/{number}.jpg",
            labels=[f"class{label}"],
            content=content_pb2.Content(image=pictures.picture(label, number)),
        )
        for label in range(pictures.CLASSES)
        for number in range(5)
    ]
    with suite.channel("trainer") as channel:
        calls.import_examples(channel, MODEL, examples)
        job = calls.create_job(channel, MODEL, MODEL, backbone=f"backbones/{bench_suite.NAME}")
        done = calls.finish(channel, job.name)
    with open_store(suite.store_url, {}) as store:
        version = VersionName.parse(done.result.model_version)
        manifest = artifacts.read_manifest(store, version)
        head = artifacts.read_head(store, manifest)
    return Trained(head, tuple(manifest.features.endpoints))


async def _remote(stub: predictor_service_pb2_grpc.PredictorServiceStub, seconds: Seconds) -> None:
    for number in range(CALLS):
        item = content_pb2.Content(image=pictures.picture(number % pictures.CLASSES, 30))
        request = predictor_service_pb2.PredictRequest(
            model=f"{calls.PROJECT}/models/{MODEL}", items=[item]
        )
        started = time.perf_counter()
        answer = await stub.Predict(request, timeout=calls.CALL_S)
        seconds["total"].append(time.perf_counter() - started)
        for timing in answer.timings:
            seconds[timing.stage].append(timing.duration.ToNanoseconds() / 1e9)


def _local(bare: Bare, trained: Trained, seconds: Seconds) -> None:
    for number in range(CALLS):
        jpeg = pictures.picture(number % pictures.CLASSES, 30)
        stages = bare.predict_s(jpeg, trained.head, trained.endpoints)
        seconds["total"].append(sum(stages.values()))
        for stage, value in stages.items():
            seconds[stage].append(value)


async def _measure() -> dict[str, object]:
    remote: Seconds = defaultdict(list)
    local: Seconds = defaultdict(list)
    with bench_suite.running() as suite:
        trained = train(suite)
        async with (
            bench_suite.in_process(suite) as loaded,
            open_channel(suite.address["predictor"]) as channel,
        ):
            stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
            bare = Bare(loaded)
            await _remote(stub, defaultdict(list))
            _local(bare, trained, defaultdict(list))
            for _ in range(ROUNDS):
                await _remote(stub, remote)
                _local(bare, trained, local)
    return _figures(remote, local)


def _figures(remote: Seconds, local: Seconds) -> dict[str, object]:
    p50 = {
        side: record.quantile(seconds["total"], 0.5)
        for side, seconds in (("grpc", remote), ("bare", local))
    }
    return {
        "backbone": bench_suite.NAME,
        "pictures": pictures.source(),
        "calls": len(remote["total"]),
        "p50_ms": p50,
        "p99_ms": {
            "grpc": record.quantile(remote["total"], 0.99),
            "bare": record.quantile(local["total"], 0.99),
        },
        "grpc_stages_p50_ms": {stage: record.quantile(v, 0.5) for stage, v in remote.items()},
        "bare_stages_p50_ms": {stage: record.quantile(v, 0.5) for stage, v in local.items()},
        "ratio": round(p50["grpc"] / p50["bare"], 3),
        "aim": 1.3,
    }


def main() -> None:
    """Measure, print and keep."""
    record.keep("predict", asyncio.run(_measure()))


if __name__ == "__main__":
    main()
