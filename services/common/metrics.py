"""Every metric of the suite, in one list: names, labels and what they count.

Base units only: seconds and bytes. Labels are bounded: methods, codes, stages, states, never a
model's or a caller's name.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

REQUESTS: Final = Counter(
    "graft_requests",
    "RPCs answered, by method and gRPC code",
    ("method", "code"),
    registry=REGISTRY,
)
REQUEST_SECONDS: Final = Histogram(
    "graft_request_seconds",
    "Time from an RPC's arrival to its answer, by method and gRPC code",
    ("method", "code"),
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
IN_FLIGHT: Final = Gauge("graft_requests_in_flight", "RPCs being answered", registry=REGISTRY)
STAGE_SECONDS: Final = Histogram(
    "graft_stage_seconds",
    "Time in one stage of an answer: decode, queue, device, resolve, embed, head",
    ("stage",),
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
QUEUE_ITEMS: Final = Gauge(
    "graft_queue_items",
    "Items waiting for the device, admitted and not answered",
    registry=REGISTRY,
)
ADMITTED_BYTES: Final = Gauge(
    "graft_admitted_bytes",
    "Contents of the requests that were admitted and not answered",
    registry=REGISTRY,
)
REFUSED_BYTES: Final = Counter(
    "graft_refused_bytes",
    "Contents of the requests that were refused, as there were too many bytes inside",
    registry=REGISTRY,
)
BATCH_ITEMS: Final = Histogram(
    "graft_batch_items", "Items in a device batch", buckets=_SIZES, registry=REGISTRY
)
PADDED_ITEMS: Final = Counter(
    "graft_padded_items", "Rows run on the device only to fill a bucket", registry=REGISTRY
)
DROPPED_ITEMS: Final = Counter(
    "graft_dropped_items",
    "Items never run, by why: expired, cancelled, overloaded",
    ("why",),
    registry=REGISTRY,
)
BACKBONES_LOADED: Final = Gauge(
    "graft_backbones_loaded", "Backbones in memory, by engine", ("engine",), registry=REGISTRY
)
EMBEDDING_CACHE: Final = Counter(
    "graft_embedding_cache",
    "Look-ups in the embedding cache, by result: hit or miss",
    ("result",),
    registry=REGISTRY,
)
HEAD_CACHE: Final = Counter(
    "graft_head_cache",
    "Look-ups in the head cache, by result: hit, miss or evicted",
    ("result",),
    registry=REGISTRY,
)
HEAD_CACHE_BYTES: Final = Gauge(
    "graft_head_cache_bytes", "Memory of the heads held", registry=REGISTRY
)
HEAD_CACHE_HEADS: Final = Gauge("graft_head_cache_heads", "Heads held", registry=REGISTRY)
JOBS: Final = Gauge(
    "graft_training_jobs",
    "Training jobs that the trainer knows, by state",
    ("state",),
    registry=REGISTRY,
)
JOB_SECONDS: Final = Histogram(
    "graft_training_phase_seconds",
    "Time of one phase of a training job",
    ("phase",),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
    registry=REGISTRY,
)
STORE_FAILURES: Final = Counter(
    "graft_store_failures",
    "What the predictor could not load or look up in the object store, by operation",
    ("operation",),
    registry=REGISTRY,
)
