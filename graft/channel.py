"""How every client of ours, inside the suite and outside, talks gRPC: one set of options.

The client pings more rarely than the server allows, both from the constants below, so that no
keepalive ever ends in `too_many_pings`. Retries are gRPC's own, by service config: UNAVAILABLE only
(AIP-194), throttled, never for streams that have begun to answer. Only whoever began a call repeats
it: a service that calls another one on its behalf does not, or each hop would multiply an overload.
"""

from __future__ import annotations

import json
from typing import Final

import grpc

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""The largest message either side reads; published by GetServerInfo."""

KEEPALIVE_MS: Final = 120_000
MIN_PING_INTERVAL_MS: Final = 60_000
"""What the server tolerates: below the client's interval."""

MAX_CONNECTION_AGE_MS: Final = 600_000
"""Connections are renewed so that clients find replicas started after they connected."""

REQUEST_ID_KEY: Final = "x-request-id"

SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    # Replicas that say NOT_SERVING get no calls: those that still warm, those that drain.
    "healthCheckConfig": {"serviceName": ""},
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}

_MESSAGE_OPTIONS: Final = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]

CLIENT_OPTIONS: Final[list[tuple[str, int | str]]] = [
    *_MESSAGE_OPTIONS,
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.enable_retries", 1),
    # Hidden retries of refused connections would hold the first error back for 20 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
]

SERVER_OPTIONS: Final[list[tuple[str, int | str]]] = [
    *_MESSAGE_OPTIONS,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", MIN_PING_INTERVAL_MS),
    ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
    ("grpc.max_connection_age_grace_ms", MAX_CONNECTION_AGE_MS),
    ("grpc.so_reuseport", 0),
]


def client_options(target: str, *, retries: bool = True) -> list[tuple[str, int | str]]:
    """Answer the options of a channel: no proxy stands between this machine and itself.

    Without `retries` gRPC repeats only calls that never reached a server.
    """
    host = target.rpartition("/")[2].rpartition(":")[0]
    local = host in ("localhost", "[::1]") or host.startswith("127.")
    options = CLIENT_OPTIONS if retries else _without_retries()
    return [*options, ("grpc.enable_http_proxy", 0)] if local else options


def _without_retries() -> list[tuple[str, int | str]]:
    kept = ("loadBalancingConfig", "healthCheckConfig")
    config = json.dumps({key: SERVICE_CONFIG[key] for key in kept})
    others = [option for option in CLIENT_OPTIONS if option[0] != "grpc.service_config"]
    return [*others, ("grpc.service_config", config)]


def open_channel(target: str, *, retries: bool = True) -> grpc.aio.Channel:
    """Open a channel for asyncio; it connects when first used and must be closed."""
    return grpc.aio.insecure_channel(target, options=client_options(target, retries=retries))


def open_blocking_channel(target: str, *, retries: bool = True) -> grpc.Channel:
    """Open a channel for threads; it connects when first used and must be closed."""
    return grpc.insecure_channel(target, options=client_options(target, retries=retries))
