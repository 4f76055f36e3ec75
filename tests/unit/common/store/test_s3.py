"""The bucket as a store when the server is away, slow, refuses or is something else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from graft.errors import (
    Conflict,
    FailedPrecondition,
    GraftError,
    InvalidArgument,
    NotFound,
    Unavailable,
)
from services.common.store import Store, open_store
from services.common.store.s3 import RETRIES, S3Store
from services.common.store.s3_settings import read_s3_settings
from tests.fixtures.s3 import BUCKET, S3Server, StoreLocation

SILENT_TIMEOUT_S = 0.2


def _environ(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "something",
    }


def _calls(store: Store, path: Path) -> list[Callable[[], object]]:
    return [
        lambda: store.get("k"),
        lambda: store.head("k"),
        lambda: store.put("k", b"1"),
        lambda: store.put("k", b"1", if_absent=True),
        lambda: store.replace("k", b"1", etag="e"),
        lambda: store.get_file("k", path),
        lambda: list(store.list("")),
        lambda: store.children(""),
        lambda: store.delete("k"),
        lambda: store.delete_prefix("k/"),
        store.probe,
    ]


def test_a_server_that_is_not_there_is_unavailable_soon(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"  # bound, but nobody listens
        with open_store(f"s3://{BUCKET}/x", _environ(endpoint)) as store:
            for call in _calls(store, tmp_path / "copy"):
                started = time.monotonic()
                with pytest.raises(Unavailable, match="AWS_ENDPOINT_URL") as caught:
                    call()
                assert time.monotonic() - started < 3.0
                assert caught.value.retry_after_s == 1.0
                assert caught.value.reason == "STORE_UNAVAILABLE"
    assert not (tmp_path / "copy").exists()


def test_a_server_that_says_nothing_is_unavailable_in_bounded_time(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        environ = _environ(f"http://127.0.0.1:{silent.getsockname()[1]}")
        settings = read_s3_settings(f"s3://{BUCKET}/x", environ)
        with S3Store(settings, read_timeout_s=SILENT_TIMEOUT_S) as store:
            for call in _calls(store, tmp_path / "copy"):
                started = time.monotonic()
                with pytest.raises(Unavailable):
                    call()
                assert time.monotonic() - started < (RETRIES + 1) * SILENT_TIMEOUT_S + 1.0


def _error_xml(code: str) -> bytes:
    text = f"<Error><Code>{code}</Code><Message>because</Message></Error>"
    return text.encode()


@contextmanager
def _answering(status: int, body: bytes, kind: str = "application/xml") -> Iterator[str]:
    """A server that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "code", "kind", "word"),
    [
        (503, "SlowDown", Unavailable, "cannot answer now"),
        (500, "InternalError", Unavailable, "cannot answer now"),
        (429, "TooManyRequests", Unavailable, "cannot answer now"),
        (403, "AccessDenied", FailedPrecondition, "let this key read, write, list, delete"),
        (403, "InvalidAccessKeyId", FailedPrecondition, "correct AWS_ACCESS_KEY_ID"),
        (403, "RequestTimeTooSkewed", FailedPrecondition, "clocks"),
        (404, "NoSuchBucket", FailedPrecondition, "create it or correct the store url"),
        (400, "KeyTooLongError", InvalidArgument, "refuses the key"),
        (501, "NotImplemented", FailedPrecondition, "conditional writes"),
    ],
)
def test_what_a_server_answers_has_a_kind_and_a_fix(
    status: int, code: str, kind: type[GraftError], word: str
) -> None:
    with (
        _answering(status, _error_xml(code)) as endpoint,
        open_store(f"s3://{BUCKET}/x", _environ(endpoint)) as store,
    ):
        calls: list[Callable[[], object]] = [
            lambda: store.get("k"),
            lambda: store.put("k", b"1"),
            lambda: store.put("k", b"1", if_absent=True),
            lambda: list(store.list("")),
        ]
        for call in calls:
            with pytest.raises(kind, match=word) as caught:
                call()
            assert code in str(caught.value)
            assert "something" not in str(caught.value), "the secret key shows"


def test_a_web_site_is_no_s3_server(tmp_path: Path) -> None:
    with (
        _answering(404, b"<html>nothing here", "text/html") as endpoint,
        open_store(f"s3://{BUCKET}/x", _environ(endpoint)) as store,
    ):
        for call in (lambda: store.get("k"), lambda: list(store.list("")), store.probe):
            with pytest.raises(FailedPrecondition, match="AWS_ENDPOINT_URL"):
                call()


def test_an_answer_cut_short_is_unavailable_and_leaves_no_file(tmp_path: Path) -> None:
    class Short(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Short) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        with open_store(f"s3://{BUCKET}/x", _environ(endpoint)) as store:
            with pytest.raises(Unavailable):
                store.get("k")
            with pytest.raises(Unavailable):
                store.get_file("k", tmp_path / "copy")
        server.shutdown()
        thread.join()
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_conditions_fails_the_probe() -> None:
    """It takes every write, as servers do that ignore If-None-Match."""

    with _memory_server() as endpoint:
        settings = read_s3_settings(f"s3://{BUCKET}/x", _environ(endpoint))
        lacking = pytest.raises(FailedPrecondition, match="If-None-Match")
        with S3Store(settings) as store, lacking as caught:
            store.probe()
        assert (caught.value.reason, *caught.value.metadata) == ("STORE_UNSUITABLE", "lacks")


@contextmanager
def _memory_server() -> Iterator[str]:
    """The least that holds one object a path, and knows no conditions."""
    objects: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            objects[self._key()] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, b"")

        def do_GET(self) -> None:
            key = self._key()
            self._answer(200, objects[key] if key in objects else self._listing())

        def do_HEAD(self) -> None:
            self._answer(200 if self._key() in objects else 404, b"")

        def do_DELETE(self) -> None:
            objects.pop(self._key(), None)
            self._answer(204, b"")

        def _key(self) -> str:
            return self.path.partition("?")[0].removeprefix(f"/{BUCKET}/")

        def _listing(self) -> bytes:
            rows = "".join(
                f"<Contents><Key>{key}</Key><Size>{len(data)}</Size><ETag>e</ETag></Contents>"
                for key, data in objects.items()
            )
            return f"<ListBucketResult><Name>b</Name>{rows}</ListBucketResult>".encode()

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("ETag", '"e"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.minio
def test_a_missing_bucket_is_named(s3_server: S3Server) -> None:
    with open_store("s3://no-such-bucket/x", s3_server.environ) as store:
        for call in (store.probe, lambda: list(store.list("")), lambda: store.put("k", b"")):
            with pytest.raises(FailedPrecondition, match="'no-such-bucket' does not exist"):
                call()


@pytest.mark.minio
def test_a_wrong_secret_is_refused_with_the_fix(s3_server: S3Server) -> None:
    if s3_server.kind == "moto":
        pytest.skip("moto checks no signatures")
    environ = {**s3_server.environ, "AWS_SECRET_ACCESS_KEY": "not-the-right-one"}
    with open_store(f"s3://{BUCKET}/x", environ) as store:
        calls: list[Callable[[], object]] = [
            lambda: store.get("k"),
            lambda: store.put("k", b"1", if_absent=True),
        ]
        for call in calls:
            with pytest.raises(FailedPrecondition, match="AWS_SECRET_ACCESS_KEY") as caught:
                call()
            assert "not-the-right-one" not in str(caught.value)
        with pytest.raises(FailedPrecondition, match="access denied"):
            store.head("k")  # the answer to HEAD has no body to say more


@pytest.mark.minio
def test_connections_are_given_back(s3_location: StoreLocation) -> None:
    """A response that is not released takes a new connection each time."""
    settings = read_s3_settings(s3_location.url, s3_location.environ)
    with S3Store(settings) as store:
        store.put("k", b"1" * 100_000)
        for _ in range(20):
            store.get("k")
            with pytest.raises(NotFound):
                store.get("none")
            with pytest.raises(Conflict):
                store.put("k", b"", if_absent=True)
            list(store.list(""))
        (pool,) = [store._http.pools[key] for key in store._http.pools.keys()]  # noqa: SIM118
        assert pool.num_connections == 1


@pytest.mark.minio
def test_prefixes_of_one_bucket_are_stores_of_their_own(s3_server: S3Server) -> None:
    with (
        open_store(f"s3://{BUCKET}/one", s3_server.environ) as one,
        open_store(f"s3://{BUCKET}/one-more", s3_server.environ) as two,
        open_store(f"s3://{BUCKET}", s3_server.environ) as whole,
    ):
        one.put("k", b"1")
        two.put("k", b"2")
        assert [one.get("k"), two.get("k")] == [b"1", b"2"]
        assert [info.key for info in one.list("")] == ["k"]
        assert whole.get("one-more/k") == b"2"
        one.delete_prefix("k/")
        whole.delete_prefix("one/")
        assert (one.head("k"), two.get("k")) == (None, b"2")
        two.delete("k")
