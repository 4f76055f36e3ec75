"""`python -m tests.support.fake_service MODE`: a service as the supervisor sees one.

serve           says SERVING until SIGTERM
crash           says why on its log and ends with code 3
crash-once F    the same the first time (F does not exist yet), then serves
refuse          says which setting makes no sense and ends with code 2
stubborn        serves and ignores SIGTERM
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def _serve() -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ["GRAFT_LISTEN"])
    server.start()
    stopping.wait()
    server.stop(None).wait()


def _crash() -> None:
    print('{"level": "CRITICAL", "message": "the roof is on fire"}', file=sys.stderr)
    sys.exit(3)


def main(mode: str, *arguments: str) -> None:
    """Behave as told."""
    if mode == "crash-once" and not Path(arguments[0]).exists():
        Path(arguments[0]).touch()
        _crash()
    if mode == "crash":
        _crash()
    if mode == "refuse":
        print("graft trainer: GRAFT_MAX_BATCH must be a number", file=sys.stderr)
        sys.exit(2)
    if mode == "stubborn":
        real, signal.signal = signal.signal, lambda *_: None
        real(signal.SIGTERM, signal.SIG_IGN)
    _serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
