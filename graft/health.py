"""Asking a server for its health.

The two messages of grpc.health.v1 are written out as bytes: their stubs come with a package that
only servers need.
"""

from __future__ import annotations

from typing import Final

import grpc

CHECK_TIMEOUT_S: Final = 2.0
SERVING: Final = "SERVING"
NOT_SERVING: Final = "NOT_SERVING"
UNREACHABLE: Final = "UNREACHABLE"

_METHOD: Final = "/grpc.health.v1.Health/Check"
_ALL_SERVICES: Final = b""  # HealthCheckRequest with an empty `service`
_IS_SERVING: Final = b"\x08\x01"  # HealthCheckResponse with `status` SERVING
_OPTIONS: Final = [
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
]


def _as_is(data: bytes) -> bytes:
    return data


class HealthProbe:
    """Owns a channel to one server, for asking it again and again; must be closed."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._check = self._channel.unary_unary(
            _METHOD, request_serializer=_as_is, response_deserializer=_as_is
        )

    async def ask(self) -> str:
        """Answer SERVING, NOT_SERVING or UNREACHABLE."""
        try:
            answer = await self._check(_ALL_SERVICES, timeout=CHECK_TIMEOUT_S)
        except grpc.RpcError:
            return UNREACHABLE
        return SERVING if answer == _IS_SERVING else NOT_SERVING

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


async def ask_health(address: str) -> str:
    """Ask once."""
    probe = HealthProbe(address)
    try:
        return await probe.ask()
    finally:
        await probe.close()
