"""Fetching by URL, from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from graft.content import MAX_TEXT_BYTES, Url, is_text, item_size, load
from graft.download import check_url, fetch
from graft.errors import GraftError, InvalidArgument

PAGES = {"/a.png": b"picture", "/a.txt": "Grüße".encode(), "/long.txt": b"x" * (MAX_TEXT_BYTES + 1)}


class Handler(BaseHTTPRequestHandler):
    """Answers PAGES, and two kinds of failure."""

    def do_GET(self) -> None:
        data = PAGES.get(self.path.partition("?")[0])
        if data is None:
            self.send_error(403 if self.path == "/secret" else 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_image_and_a_text_are_fetched_when_they_are_sent(place: str) -> None:
    assert load(Url(f"{place}/a.png?size=1")).image == b"picture"
    assert load(Url(f"{place}/a.txt")).text == "Grüße"
    assert item_size(Url(f"{place}/a.png")) == 0


def test_the_name_in_the_path_says_what_it_is() -> None:
    assert is_text(Url("http://x/a.TXT?b=c.png"))
    assert not is_text(Url("http://x/a.png?b=c.txt"))


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("/none.png", "NOT_FOUND", "there is nothing at"),
        ("/secret", "INVALID_ARGUMENT", "answers 403"),
        ("/long.txt", "INVALID_ARGUMENT", f"larger than the {MAX_TEXT_BYTES} bytes"),
    ],
)
def test_what_cannot_be_had_is_told_by_its_url(place: str, path: str, code: str, told: str) -> None:
    with pytest.raises(GraftError) as caught:
        load(Url(place + path))
    assert caught.value.code == code
    assert told in str(caught.value)
    assert place + path in str(caught.value)


def test_a_limit_below_the_usual_holds(place: str) -> None:
    assert fetch(f"{place}/a.png", 7) == b"picture"
    with pytest.raises(InvalidArgument, match="larger than the 6 bytes"):
        fetch(f"{place}/a.png", 6)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(GraftError) as caught:
        fetch("http://127.0.0.1:9/x.png")
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://x/y",
        "x.png",
        "http://",
        "http://x/a b",
        "http://[",
        "http://x/ü",
    ],
)
def test_only_http_is_fetched(url: str) -> None:
    with pytest.raises(InvalidArgument, match="a URL of http or https is wanted"):
        check_url(url)
