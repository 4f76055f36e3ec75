"""The cluster's bucket Job, against a real S3 server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from graft.errors import Unavailable
from services.common.store import open_store
from services.common.store.bucket import ensure_bucket, main
from services.common.store.s3_settings import S3Settings, read_s3_settings
from tests.fixtures import moto_server
from tests.fixtures.s3 import S3Server

pytestmark = pytest.mark.minio


@pytest.fixture
def environ(s3_server: S3Server) -> dict[str, str]:
    return {**s3_server.environ, "GRAFT_STORE": f"s3://graft-{uuid.uuid4().hex}"}


@pytest.fixture
def nobody(environ: dict[str, str]) -> S3Settings:
    """An address at which nothing listens."""
    return read_s3_settings(
        environ["GRAFT_STORE"], {**environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    )


def test_the_job_makes_the_bucket_and_then_finds_it(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "services.common.store.bucket", "--wait", "10"]
    said = [
        subprocess.check_output(command, env={**os.environ, **environ}, text=True).split()[-1]
        for _ in range(2)
    ]
    assert said == ["made", "exists"]
    with open_store(environ["GRAFT_STORE"], environ) as store:
        store.put("a/key", b"value")
        assert store.get("a/key") == b"value"


def test_jobs_at_once_all_succeed(environ: dict[str, str]) -> None:
    settings = read_s3_settings(environ["GRAFT_STORE"], environ)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ensure_bucket(settings, wait_s=10), range(8)))
    assert any(made)


def test_wrong_keys_fail_at_once_and_name_the_settings(
    s3_server: S3Server, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    if s3_server.kind == "moto":
        pytest.skip("moto checks no keys")
    begun = time.monotonic()
    assert main(["--wait", "60"], {**environ, "AWS_SECRET_ACCESS_KEY": "wrong"}) == 1
    assert time.monotonic() - begun < 10
    assert "AWS_SECRET_ACCESS_KEY" in capsys.readouterr().err


def test_a_server_that_never_answers_is_given_up(nobody: S3Settings) -> None:
    with pytest.raises(Unavailable, match="AWS_ENDPOINT_URL=http://127"):
        ensure_bucket(nobody, wait_s=0)


def test_a_server_that_comes_late_is_waited_for(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    late = {**environ, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    server = subprocess.Popen(
        [sys.executable, moto_server.__file__, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # Its interpreter has not even started when the first question is refused.
        assert ensure_bucket(read_s3_settings(late["GRAFT_STORE"], late), wait_s=40)
    finally:
        server.kill()
        server.wait()


def test_it_asks_again_until_the_time_is_over(nobody: S3Settings) -> None:
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        ensure_bucket(nobody, wait_s=1.5)
    assert 1 <= time.monotonic() - begun < 5


@pytest.mark.parametrize("store", ["", "file:///somewhere"])
def test_a_store_that_is_no_bucket_is_refused(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], store: str
) -> None:
    assert main([], {**environ, "GRAFT_STORE": store}) == 1
    assert "s3://bucket/prefix" in capsys.readouterr().err
