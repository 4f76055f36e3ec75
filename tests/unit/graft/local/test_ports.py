"""Ports: the usual one when it is free, else another, never the same for two suites."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from graft.errors import FailedPrecondition, InvalidArgument
from graft.local.ports import Ports


@pytest.fixture
def ports() -> Iterator[Ports]:
    held = Ports()
    yield held
    held.close()


@pytest.fixture
def listener() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def free(ports: Ports, listener: str) -> str:
    """An address that nobody listens at."""
    return ports.take(listener, fixed=False)


def test_a_taken_port_is_replaced_by_a_free_one(ports: Ports, listener: str) -> None:
    found = ports.take(listener, fixed=False)
    assert found != listener
    host, port = found.split(":")
    with socket.socket() as probe:
        probe.bind((host, int(port)))


def test_a_taken_port_that_was_set_is_an_error(ports: Ports, listener: str) -> None:
    with pytest.raises(FailedPrecondition, match=f"cannot listen at {listener}"):
        ports.take(listener, fixed=True)


def test_two_suites_that_start_at_once_get_different_ports(ports: Ports, listener: str) -> None:
    wanted = free(ports, listener)
    ports.close()
    other = Ports()
    assert other.take(wanted, fixed=True) == wanted
    assert ports.take(wanted, fixed=False) != wanted
    other.close()
    assert ports.take(wanted, fixed=True) == wanted


def test_connections_that_linger_do_not_keep_a_port(ports: Ports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client, server.accept()[0] as accepted:
            accepted.shutdown(socket.SHUT_RDWR)
            accepted.close()
            assert client.recv(1) == b""
    wanted = f"127.0.0.1:{address[1]}"
    assert ports.take(wanted, fixed=True) == wanted


@pytest.mark.parametrize("wanted", ["50051", "localhost", "localhost:", ":1", "x:0", "x:70000"])
def test_what_is_no_address_is_refused(ports: Ports, wanted: str) -> None:
    with pytest.raises(InvalidArgument, match="host:port was wanted"):
        ports.take(wanted, fixed=True)


def test_a_host_that_is_not_ours_cannot_be_listened_at(ports: Ports) -> None:
    with pytest.raises(FailedPrecondition, match="not of this machine"):
        ports.take("192.0.2.1:50051", fixed=True)
