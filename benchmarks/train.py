"""How long from a training job to the model that answers, and how long again with 10 more images?

10 classes x 25 JPEG files of 300x300, all services warm. Beside it, in the same run, the bare cost
of decoding and embedding those images in one process.
"""

from __future__ import annotations

import asyncio
import time

from benchmarks import bench_suite, pictures, record
from benchmarks.bare import Bare
from graft.common.v1 import content_pb2
from graft.trainer.v1 import dataset_service_pb2, training_job_pb2
from tests.support import calls
from tests.support.suite import Suite

PER_CLASS = 25
ADDED = 10
RUNS = 3


def _examples(first: int, extra: int) -> list[dataset_service_pb2.Example]:
    """PER_CLASS pictures of each class from number `first` on, and one more of `extra` classes."""
    return [
        dataset_service_pb2.Example(
            path=f"{label}/{number:03d}.jpg",
            labels=[f"class{label}"],
            content=content_pb2.Content(image=pictures.picture(label, number)),
        )
        for label in range(pictures.CLASSES)
        for number in range(first, first + PER_CLASS + (label < extra))
    ]


def _run(suite: Suite, model: str, jpeg: bytes) -> tuple[float, training_job_pb2.TrainingJob]:
    """Seconds from CreateTrainingJob until the new version answers."""
    with suite.channel("trainer") as trainer, suite.channel("predictor") as predictor:
        started = time.perf_counter()
        job = calls.create_job(trainer, model, model, backbone=f"backbones/{bench_suite.NAME}")
        done = calls.finish(trainer, job.name, timeout=300)
        if done.state != training_job_pb2.JOB_STATE_SUCCEEDED:
            raise RuntimeError(f"the job failed: {done.error.message}")
        calls.predict(predictor, done.result.model_version, [jpeg])
        return time.perf_counter() - started, done


def _import(suite: Suite, model: str, examples: list[dataset_service_pb2.Example]) -> float:
    started = time.perf_counter()
    with suite.channel("trainer") as trainer:
        calls.import_examples(trainer, model, examples)
    return time.perf_counter() - started


async def _bare_s(suite: Suite, jpegs: list[bytes]) -> float:
    async with bench_suite.in_process(suite) as loaded:
        bare = Bare(loaded)
        bare.embed_s(jpegs[:32])  # warm
        return min(bare.embed_s(jpegs) for _ in range(RUNS))


def _phases(job: training_job_pb2.TrainingJob) -> dict[str, float]:
    return {
        phase.stage: round(phase.duration.ToNanoseconds() / 1e9, 3) for phase in job.result.phases
    }


def _round(suite: Suite, number: int) -> dict[str, object]:
    model, jpeg = f"clothes{number}", pictures.picture(0, 99)
    first = number * (PER_CLASS + 1)
    import_s = _import(suite, model, _examples(first, 0))
    fresh_s, fresh = _run(suite, model, jpeg)
    _import(suite, model, _examples(first, ADDED))
    again_s, again = _run(suite, model, jpeg)
    return {
        "import_s": round(import_s, 3),
        "train_s": round(fresh_s, 3),
        "train_phases_s": _phases(fresh),
        "accuracy": round(fresh.result.accuracy.estimate, 3),
        "retrain_s": round(again_s, 3),
        "retrain_phases_s": _phases(again),
        "retrain_embedded": again.result.embedded_count,
    }


def _measure() -> dict[str, object]:
    jpegs = [
        pictures.picture(label, number)
        for label in range(pictures.CLASSES)
        for number in range(PER_CLASS)
    ]
    with bench_suite.running() as suite:
        rounds = [_round(suite, number) for number in range(RUNS)]
        bare_s = asyncio.run(_bare_s(suite, jpegs))
    best = min(rounds, key=lambda each: float(str(each["train_s"])))
    bound_s = 1.3 * bare_s + 2
    return {
        "backbone": bench_suite.NAME,
        "pictures": pictures.source(),
        "bare_embed_s": round(bare_s, 3),
        "best": best,
        "rounds": rounds,
        "train_aim_s": round(bound_s, 3),
        "train_over_aim": round(float(str(best["train_s"])) / bound_s, 3),
        "retrain_aim_s": 1.5,
    }


def main() -> None:
    """Measure, print and keep."""
    record.keep("train", _measure())


if __name__ == "__main__":
    main()
