"""The three real services as processes, for tests that kill, restart and load them.

Nothing of `graft.local` is used: a test of the services must not lean on the supervisor.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from graft.channel import open_blocking_channel

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("embedder", "trainer", "predictor")
START_S = 90.0
STOP_S = 30.0


def free_port() -> int:
    """A port that nothing listens at right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Suite:
    """Owns three child processes and their addresses; the ports stay the same over restarts."""

    def __init__(self, folder: Path, *, services: Sequence[str] = SERVICES, **environ: str) -> None:
        self._folder = folder
        self._services = services
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.address = {name: f"127.0.0.1:{free_port()}" for name in SERVICES}
        self.metrics = {name: f"127.0.0.1:{free_port()}" for name in SERVICES}
        self.store_url = environ.get("GRAFT_STORE", f"file://{folder / 'store'}")
        self._environ = {
            **os.environ,
            "HOME": str(folder),
            "GRAFT_STORE": self.store_url,
            "GRAFT_CACHE": str(folder / "cache"),
            "GRAFT_EMBEDDER": self.address["embedder"],
            "GRAFT_GRACE_S": "10",
            "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **environ,
        }

    def __enter__(self) -> Self:
        for name in self._services:
            self.launch(name)
        try:
            for name in self._services:
                self.wait(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def launch(self, name: str) -> None:
        """Start one service; its log is appended to {name}.log."""
        environ = {
            **self._environ,
            "GRAFT_LISTEN": self.address[name],
            "GRAFT_METRICS_LISTEN": self.metrics[name],
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"],
                cwd=self._folder,
                env=environ,
                stdout=log,
                stderr=log,
            )

    def wait(self, name: str) -> None:
        """Wait until a service says that it is SERVING."""
        deadline = time.monotonic() + START_S
        while not self.serving(name):
            if self._children[name].poll() is not None:
                raise RuntimeError(f"{name} died at its start:\n{self.log(name)[-3000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is not SERVING after {START_S} s:\n{self.log(name)}")
            time.sleep(0.1)

    def serving(self, name: str) -> bool:
        """Whether a service says right now that it is SERVING."""
        with grpc.insecure_channel(self.address[name]) as channel:
            try:
                stub = health_pb2_grpc.HealthStub(channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def log(self, name: str) -> str:
        """What a service has logged so far, over all its lives."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def pid(self, name: str) -> int:
        """The process of a service."""
        return self._children[name].pid

    def kill(self, name: str) -> None:
        """kill -9, and wait until it is gone."""
        self._children[name].kill()
        self._children[name].wait(STOP_S)

    def restart(self, name: str) -> None:
        """kill -9 and start again at the same address; answers when it is SERVING."""
        self.kill(name)
        self.launch(name)
        self.wait(name)

    def terminate(self, name: str) -> int:
        """SIGTERM, as Kubernetes does; answer the exit status."""
        self._children[name].send_signal(signal.SIGTERM)
        return self._children[name].wait(STOP_S)

    def channel(self, name: str) -> grpc.Channel:
        """A channel to a service; the caller closes it."""
        return open_blocking_channel(self.address[name])

    def close(self) -> None:
        """Stop all services, politely first."""
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(STOP_S)
