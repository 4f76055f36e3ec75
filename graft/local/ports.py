"""Ports for the services: the usual ones when they are free, else any.

A port is chosen seconds before its service listens. Meanwhile it is held by the name of an abstract
socket, so that a second suite that starts just then chooses another one; on systems without such
names only what already listens is seen.
"""

from __future__ import annotations

import socket
import sys
from typing import Final

from graft.errors import FailedPrecondition, InvalidArgument

_MAX_TRIES: Final = 50
_HAS_ABSTRACT_NAMES: Final = sys.platform == "linux"


class Ports:
    """Owns the reservations of one suite; they end with `close` or the process."""

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self, wanted: str, *, fixed: bool) -> str:
        """Reserve host:port; when it is taken and not `fixed`, another port of that host.

        Raises InvalidArgument for what is no host:port, FailedPrecondition when a fixed one is
        taken.
        """
        host, port = _parse(wanted)
        if self._reserve(host, port):
            return wanted
        if fixed:
            raise FailedPrecondition(
                f"cannot listen at {wanted}: the port is taken or not of this machine; choose"
                f" another one. Received: {wanted!r}"
            )
        for _ in range(_MAX_TRIES):
            free = _any_free(host)
            if self._reserve(host, free):
                return f"{host}:{free}"
        raise FailedPrecondition(f"no port of {host} is free. Received: {wanted!r}")

    def close(self) -> None:
        """Give the reservations up."""
        for held in self._held:
            held.close()
        self._held.clear()

    def _reserve(self, host: str, port: int) -> bool:
        if not _can_bind(host, port):
            return False
        if not _HAS_ABSTRACT_NAMES:
            return True
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(f"\0graft-port-{port}")
        except OSError:
            held.close()
            return False
        self._held.append(held)
        return True


def _parse(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidArgument(f"host:port was wanted. Received: {address!r}")
    return host, int(port)


def _can_bind(host: str, port: int) -> bool:
    """Whether nobody listens there; connections that linger after a stop do not count."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError:
        return False
    return True


def _any_free(host: str) -> int:
    family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
