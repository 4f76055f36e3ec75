"""Configuration: read once, in `__main__`, from a mapping.

A setting that makes no sense stops the service at its start with a message naming the key, the
value and what was wanted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from graft.errors import InvalidArgument
from graft.local.restarts import REFUSED_STATUS

DEFAULT_PORTS: Final = {"embedder": 50051, "trainer": 50052, "predictor": 50053}
DEFAULT_METRICS_PORTS: Final = {"embedder": 9101, "trainer": 9102, "predictor": 9103}

KEYS: Final = {
    "GRAFT_STORE": "where everything is kept: file:///folder or s3://bucket/prefix",
    "GRAFT_LISTEN": "host:port of the gRPC server",
    "GRAFT_METRICS_LISTEN": "host:port of the Prometheus metrics",
    "GRAFT_EMBEDDER": "target of the embedder, for the trainer and the predictor",
    "GRAFT_CACHE": "a writable folder for copies of backbones",
    "GRAFT_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
    "GRAFT_GRACE_S": "seconds that requests in flight get when the service is told to stop",
    "GRAFT_REFLECTION": "1 to serve gRPC reflection, 0 not to",
    "GRAFT_CPU_THREADS": "threads for the device; 0 takes the CPU quota of the container",
    "GRAFT_GPU_MEMORY_MIB": "GPU memory that the embedder may take; 0 uses no GPU",
    "GRAFT_ENGINE": "auto, tensorflow or openvino",
    "GRAFT_BACKBONES": "backbones to load before SERVING, separated by commas",
    "GRAFT_MAX_BATCH": "items in one device batch at most",
    "GRAFT_QUEUE_ITEMS": "items that may wait in the embedder",
    "GRAFT_MAX_LOADED": "backbones and tuned models in the embedder's memory at once",
    "GRAFT_HEAD_CACHE_MIB": "memory for heads in the predictor",
    "GRAFT_MAX_QUEUED_JOBS": "training jobs that may wait",
    "AWS_ENDPOINT_URL": "the S3 server, http(s)://host:port",
    "AWS_ACCESS_KEY_ID": "its access key",
    "AWS_SECRET_ACCESS_KEY": "its secret key",
    "AWS_SESSION_TOKEN": "its token, where keys are temporary",
    "AWS_REGION": "its region",
    "SSL_CERT_FILE": "the authorities to trust, where its certificate is of one's own",
}
"""Every variable that a service reads, and what it means; the manifests are checked against it."""


class Environ:
    """Typed reading of a mapping of strings."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, key: str, default: str = "") -> str:
        """Answer the value, or the default when it is absent or empty."""
        return self._values.get(key, "") or default

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        """Answer a whole number within [low, high]."""
        value = self.text(key, str(default))
        if not value.lstrip("-").isdecimal() or not low <= int(value) <= high:
            raise _bad(key, value, f"a whole number from {low} to {high}")
        return int(value)

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """Answer one of the allowed words."""
        value = self.text(key, default)
        if value not in allowed:
            raise _bad(key, value, "one of " + ", ".join(allowed))
        return value

    def address(self, key: str, default: str) -> str:
        """Answer a host:port; a port of 0 is chosen by the system."""
        value = self.text(key, default)
        host, colon, port = value.rpartition(":")
        if not host or not colon or not port.isdecimal() or int(port) > 65535:
            raise _bad(key, value, "host:port, such as 127.0.0.1:50051")
        return value


def _bad(key: str, value: str, wanted: str) -> InvalidArgument:
    return InvalidArgument(f"{key} must be {wanted}. Received: {value!r}", field=key)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service was told; sizes in MiB and times in seconds as the names say."""

    service: str
    store_url: str
    listen: str
    metrics_listen: str
    embedder: str
    cache: Path
    log_level: str
    grace_s: int
    reflection: bool
    cpu_threads: int
    gpu_memory_mib: int
    engine: str
    backbones: tuple[str, ...]
    max_batch: int
    queue_items: int
    max_loaded: int
    head_cache_mib: int
    max_queued_jobs: int


def read_settings(service: str, environ: Mapping[str, str]) -> Settings:
    """Read the settings of `embedder`, `trainer` or `predictor`; raise InvalidArgument."""
    env = Environ(environ)
    home = Path(env.text("HOME", "/tmp")) / ".graft"
    names = env.text("GRAFT_BACKBONES").split(",")
    return Settings(
        service=service,
        store_url=env.text("GRAFT_STORE", f"file://{home / 'store'}"),
        listen=env.address("GRAFT_LISTEN", f"127.0.0.1:{DEFAULT_PORTS[service]}"),
        metrics_listen=env.address(
            "GRAFT_METRICS_LISTEN", f"127.0.0.1:{DEFAULT_METRICS_PORTS[service]}"
        ),
        embedder=env.text("GRAFT_EMBEDDER", f"127.0.0.1:{DEFAULT_PORTS['embedder']}"),
        cache=Path(env.text("GRAFT_CACHE", str(home / "cache"))),
        log_level=env.choice("GRAFT_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        grace_s=env.integer("GRAFT_GRACE_S", 20, low=0, high=3600),
        reflection=env.choice("GRAFT_REFLECTION", "1", ("0", "1")) == "1",
        cpu_threads=env.integer("GRAFT_CPU_THREADS", 0, low=0, high=1024),
        gpu_memory_mib=env.integer("GRAFT_GPU_MEMORY_MIB", 0, low=0, high=10**7),
        engine=env.choice("GRAFT_ENGINE", "auto", ("auto", "tensorflow", "openvino")),
        backbones=tuple(name.strip() for name in names if name.strip()),
        max_batch=env.integer("GRAFT_MAX_BATCH", 32, low=1, high=1024),
        queue_items=env.integer("GRAFT_QUEUE_ITEMS", 1024, low=1, high=10**6),
        max_loaded=env.integer("GRAFT_MAX_LOADED", 8, low=1, high=1024),
        head_cache_mib=env.integer("GRAFT_HEAD_CACHE_MIB", 256, low=1, high=10**6),
        max_queued_jobs=env.integer("GRAFT_MAX_QUEUED_JOBS", 1000, low=1, high=10**5),
    )


def from_process(service: str) -> Settings:
    """Read the settings of this process; a bad one ends it with status 2 and the message."""
    try:
        return read_settings(service, os.environ)
    except InvalidArgument as error:
        refuse(service, error)


def refuse(service: str, error: InvalidArgument) -> NoReturn:
    """End this process because a setting makes no sense: starting it again would not help."""
    sys.stderr.write(f"graft {service}: {error}\n")
    raise SystemExit(REFUSED_STATUS) from error
