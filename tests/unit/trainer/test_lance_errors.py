"""What Lance says when a store is away or refuses, as Graft's errors; leftovers of its writers."""

from __future__ import annotations

import os
import shutil
import socket
import time
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from graft.errors import (
    FailedPrecondition,
    GraftError,
    Internal,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from services.common.store import open_store
from services.trainer.lance_errors import lance_errors
from services.trainer.lance_table import LanceTable
from tests.fixtures.s3 import BUCKET, S3Server

SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False)])
EIGHT_DAYS_S = 8 * 24 * 3600


def _batch(*numbers: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array(numbers, pa.int64())], schema=SCHEMA)


def test_a_server_that_is_not_there_is_unavailable_soon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        environ = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
        }
        with open_store(f"s3://{BUCKET}/x", environ) as store:
            started = time.monotonic()
            with pytest.raises(Unavailable, match=r"t\.lance") as caught:
                LanceTable(store, "t.lance", SCHEMA).count()
            assert time.monotonic() - started < 15.0
            assert caught.value.retry_after_s == 1.0
            assert caught.value.reason == "STORE_UNAVAILABLE"
            assert "something" not in str(caught.value)


@pytest.mark.minio
def test_a_refusing_server_is_a_failed_precondition(s3_server: S3Server) -> None:
    if s3_server.kind == "moto":
        pytest.skip("moto checks no signatures")
    environ = {**s3_server.environ, "AWS_SECRET_ACCESS_KEY": "not-the-right-one"}
    with open_store(f"s3://{BUCKET}/x", environ) as store:
        table = LanceTable(store, "t.lance", SCHEMA)
        with pytest.raises(FailedPrecondition, match="refuses access"):
            table.exists()


@pytest.mark.minio
def test_a_missing_bucket_is_no_empty_table(s3_server: S3Server) -> None:
    with (
        open_store("s3://no-such-bucket", s3_server.environ) as store,
        pytest.raises(FailedPrecondition, match="bucket"),
    ):
        LanceTable(store, "t.lance", SCHEMA).append([_batch(1)])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError("LanceError(IO): No space left on device (os error 28)"), ResourceExhausted),
        (OSError("LanceError(IO): Permission denied (os error 13)"), FailedPrecondition),
        (ValueError("operation timed out"), Unavailable),
        (OSError("Dataset at path x was not found: Not found: x"), NotFound),
        (OSError("LanceError(IO): Read-only file system (os error 30)"), FailedPrecondition),
        (OSError("something nobody has met"), Internal),
    ],
)
def test_the_words_of_lance_have_a_kind(error: Exception, kind: type[GraftError]) -> None:
    with pytest.raises(kind, match="'t'") as caught, lance_errors("t", opening=True):
        raise error
    assert caught.value.__cause__ is error


def test_old_leftovers_of_writers_go_and_versions_stay(tmp_path: Path) -> None:
    with open_store(str(tmp_path), {}) as store:
        table = LanceTable(store, "t.lance", SCHEMA)
        table.append([_batch(1)])
        table.append([_batch(2)])
        old, young = (_orphan(tmp_path / "t.lance" / "data", age) for age in (EIGHT_DAYS_S, 0))
        table.remove_leftovers()
        assert not old.exists()
        assert young.exists(), "its writer may still be at work"
        assert [version.rows for version in table.versions()] == [1, 2]
        assert table.read(version=1).column("n").to_pylist() == [1]


def _orphan(data: Path, age_s: float) -> Path:
    """A finished data file whose writer was killed before it committed."""
    path = data / f"{uuid.uuid4().hex}.lance"
    shutil.copy(next(data.glob("*.lance")), path)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_where_in_lance_an_error_was_raised_is_left_out() -> None:
    with pytest.raises(ResourceExhausted, match=r"\(os error 28\)$"), lance_errors("t"):
        raise OSError("No space left on device (os error 28), /build/rust/src/writer.rs:190:9")
