"""Channels: a proxy in the environment is for other machines only."""

from __future__ import annotations

import json

import pytest

from graft import AsyncClient
from graft.channel import CLIENT_OPTIONS, client_options
from tests.support.fake_suite import fake_suite

NO_PROXY = ("grpc.enable_http_proxy", 0)


@pytest.mark.parametrize(
    "target", ["127.0.0.1:50051", "localhost:1", "[::1]:1", "dns:///localhost:1"]
)
def test_this_machine_is_asked_directly(target: str) -> None:
    assert NO_PROXY in client_options(target)


@pytest.mark.parametrize("target", ["embedder:50051", "10.0.0.1:1", "dns:///graft.example:1"])
def test_other_machines_are_asked_as_the_environment_says(target: str) -> None:
    assert client_options(target) == CLIENT_OPTIONS


async def test_a_proxy_in_the_environment_does_not_cut_the_suite_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with fake_suite() as suite, AsyncClient(addresses=suite.addresses) as client:
        assert await client.models.list() == ()


def test_without_retries_only_the_repeating_goes() -> None:
    plain, once = (dict(client_options("embedder:1", retries=retries)) for retries in (True, False))
    config = json.loads(str(once.pop("grpc.service_config")))
    assert set(json.loads(str(plain.pop("grpc.service_config")))) - set(config) == {
        "methodConfig",
        "retryThrottling",
    }
    assert once == plain
