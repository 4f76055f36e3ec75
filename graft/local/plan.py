"""What `graft up` is going to start: decided once, from the environment and the options."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graft.errors import FailedPrecondition, InvalidArgument
from graft.runfile import SERVICES, graft_home

HOST: Final = "127.0.0.1"
PORTS: Final = {"embedder": 50051, "trainer": 50052, "predictor": 50053}
METRICS_PORTS: Final = {"embedder": 9101, "trainer": 9102, "predictor": 9103}
DEFAULT_GRACE_S: Final = 20
GRACE_MARGIN_S: Final = 5.0
"""Above the grace that a service gives its calls, before it is killed."""

_NEEDED: Final = {
    "services": "the services",
    "grpc_health": "grpcio-health-checking",
    "minio": "minio",
    "tensorflow": "TensorFlow",
    "lance": "Lance",
    "sklearn": "scikit-learn",
}


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """One service: how it is started and where; `fixed` addresses were set by the user."""

    name: str
    command: tuple[str, ...]
    address: str
    fixed: bool
    metrics: str
    log: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole suite; `home` is ~/.graft and holds run.json, `data` everything else."""

    home: Path
    data: Path
    store: str
    grace_s: float
    services: tuple[ServicePlan, ...]


def make_plan(environ: Mapping[str, str], data: Path | None = None) -> Plan:
    """Decide; raise InvalidArgument for a setting that makes no sense."""
    home = graft_home(environ)
    place = (data or home).expanduser().absolute()
    return Plan(
        home=home.absolute(),
        data=place,
        store=environ.get("GRAFT_STORE", "") or f"file://{place / 'store'}",
        grace_s=_grace_s(environ) + GRACE_MARGIN_S,
        services=tuple(_service(name, environ, place) for name in SERVICES),
    )


def _service(name: str, environ: Mapping[str, str], data: Path) -> ServicePlan:
    wanted = _address(name, environ)
    return ServicePlan(
        name=name,
        command=(sys.executable, "-m", "graft.local.launch", f"services.{name}"),
        address=wanted or f"{HOST}:{PORTS[name]}",
        fixed=bool(wanted),
        metrics=f"{HOST}:{METRICS_PORTS[name]}",
        log=data / "logs" / f"{name}.log",
    )


def _address(name: str, environ: Mapping[str, str]) -> str:
    """Where the user wants a service to listen; "" where that is left to us."""
    key = f"GRAFT_{name.upper()}"
    text = environ.get(key, "")
    host, _, port = text.rpartition(":")
    if text and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise InvalidArgument(
            f"{key} must be host:port, such as {HOST}:{PORTS[name]}, for the suite to listen there."
            f" Received: {text!r}"
        )
    return text


def _grace_s(environ: Mapping[str, str]) -> float:
    text = environ.get("GRAFT_GRACE_S", "") or str(DEFAULT_GRACE_S)
    if not text.isdecimal():
        raise InvalidArgument(f"GRAFT_GRACE_S must be whole seconds. Received: {text!r}")
    return float(text)


def child_environ(
    plan: Plan, address: str, metrics: str, embedder: str, environ: Mapping[str, str]
) -> dict[str, str]:
    """Answer the environment of a service: the user's own, with what the suite decides."""
    return {
        **environ,
        "GRAFT_STORE": plan.store,
        "GRAFT_CACHE": environ.get("GRAFT_CACHE", "") or str(plan.data / "cache"),
        "GRAFT_LISTEN": address,
        "GRAFT_METRICS_LISTEN": metrics,
        "GRAFT_EMBEDDER": embedder,
        "PYTHONUNBUFFERED": "1",
    }


def check_installed() -> None:
    """Raise FailedPrecondition when the packages that the services need are not installed."""
    missing = [what for module, what in _NEEDED.items() if not _found(module)]
    if missing:
        raise FailedPrecondition(
            "`graft up` needs the whole suite: pip install 'graft-suite[suite]'."
            f" Received: an environment without {', '.join(missing)}"
        )


def _found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def local_environ() -> Mapping[str, str]:
    """The environment of this process."""
    return dict(os.environ)
