"""What is fetched on the way to the wire: several at once, no more, and in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from graft import Example, Joint, Text
from graft.client.connection import ServerInfo
from graft.client.upload import FETCHES, chunks
from graft.content import Url

LIMITS = ServerInfo("test", "1", 4 << 20, 100, 1 << 20, 1 << 20)
WAIT_S = 20.0


class Slow(ThreadingHTTPServer):
    """Answers each path with itself as soon as a crowd has asked; counts who asks and waits."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.crowd = threading.Barrier(FETCHES)
        self.lock = threading.Lock()
        self.asked = self.waiting = self.most = 0


class Answering(BaseHTTPRequestHandler):
    """One request to Slow."""

    server: Slow

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked += 1
            self.server.waiting += 1
            self.server.most = max(self.server.most, self.server.waiting)
        with suppress(threading.BrokenBarrierError):
            self.server.crowd.wait(WAIT_S)
        with self.server.lock:
            self.server.waiting -= 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Be quiet."""


@pytest.fixture
def slow() -> Iterator[Slow]:
    with Slow() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sent(examples: list[Example]) -> list[tuple[str, bytes, str]]:
    every = [one for chunk in chunks(examples, LIMITS) for one in chunk]
    return [(one.path, one.content.image, one.problem.message) for one in every]


def test_as_many_urls_as_may_be_are_fetched_at_once_and_come_in_order(slow: Slow) -> None:
    place = f"http://127.0.0.1:{slow.server_port}"
    examples = [Example(f"{n}", "x", Url(f"{place}/{n}")) for n in range(3 * FETCHES)]
    assert sent(examples) == [(f"{n}", f"/{n}".encode(), "") for n in range(3 * FETCHES)]
    assert slow.most == FETCHES


def test_what_is_not_fetched_keeps_its_place_among_what_is(slow: Slow) -> None:
    slow.crowd = threading.Barrier(1)
    place = f"http://127.0.0.1:{slow.server_port}"
    examples = [Example(f"{n}", "x", Joint(Url(f"{place}/{n}"), "words")) for n in range(FETCHES)]
    examples.insert(FETCHES // 2, Example("here", "x", b"own"))
    examples.insert(0, Example("text", "x", Text("words")))
    names = [one.path for one in examples]
    assert [path for path, _, problem in sent(examples) if not problem] == names


def test_nothing_more_is_fetched_once_nobody_takes_it(slow: Slow) -> None:
    place = f"http://127.0.0.1:{slow.server_port}"
    examples = [Example(f"{n}", "x", Url(f"{place}/{n}")) for n in range(9 * FETCHES)]
    some = chunks(examples, ServerInfo("test", "1", 4 << 20, 1, 1 << 20, 1 << 20))
    next(some)
    del some
    slow.crowd.abort()
    for one in threading.enumerate():
        if one.name.startswith("fetch"):
            one.join(WAIT_S)
            assert not one.is_alive()
    assert FETCHES <= slow.asked <= 2 * FETCHES
