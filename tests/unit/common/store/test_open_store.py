"""Which store a url and the environment mean, and what is said of a bad setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.errors import InvalidArgument
from services.common.store import open_store
from services.common.store.s3_settings import read_s3_settings

KEYS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "top-secret"}


def test_a_path_and_a_file_url_are_folders(tmp_path: Path) -> None:
    folder = tmp_path / "with space % and ü"
    with open_store(str(folder), {}) as store, open_store(folder.as_uri(), {}) as again:
        store.put("k", b"1")
        assert again.get("k") == b"1"
        assert store.url == again.url == folder.as_uri()


def test_a_relative_path_counts_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert open_store("data", {}).url == (tmp_path / "data").as_uri()
    assert open_store("~/data", {}).url == (tmp_path / "home" / "data").as_uri()


@pytest.mark.parametrize("url", ["", "file://host/x", "file:relative", "http://x/y", "gs://b/p"])
def test_any_other_url_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match="s3://bucket/prefix") as caught:
        open_store(url, {})
    assert str(caught.value).endswith(f"Received: {url!r}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(InvalidArgument, match="taken"):
        open_store(str(tmp_path / "taken"), {})


def test_the_usual_variables_are_read() -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL": "http://minio:9000/", "AWS_REGION": "eu-west-1"}
    settings = read_s3_settings("s3://bucket/a/b/", environ)
    assert (settings.bucket, settings.prefix) == ("bucket", "a/b/")
    assert (settings.endpoint, settings.region) == ("http://minio:9000", "eu-west-1")
    assert (settings.secure, settings.url) == (False, "s3://bucket/a/b")


def test_without_an_endpoint_it_is_amazon() -> None:
    settings = read_s3_settings("s3://bucket", KEYS)
    assert (settings.endpoint, settings.secure) == ("https://s3.us-east-1.amazonaws.com", True)
    assert (settings.prefix, settings.url) == ("", "s3://bucket")


def test_secrets_do_not_show() -> None:
    settings = read_s3_settings("s3://bucket", {**KEYS, "AWS_SESSION_TOKEN": "token-value"})
    assert "top-secret" not in repr(settings)
    assert "token-value" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": " "}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ENDPOINT_URL": "minio:9000"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "ftp://minio"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://minio/path"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://minio:port"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "http://user:pass@minio"}, "AWS_ENDPOINT_URL"),
        ({"AWS_REGION": "here or there"}, "AWS_REGION"),
    ],
)
def test_a_bad_setting_is_named_with_its_value(change: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_s3_settings("s3://bucket/p", {**KEYS, **change})
    assert str(caught.value).startswith(f"{named} must be ")
    assert str(caught.value).endswith(f"got {change[named]!r}")
    assert caught.value.metadata == {"setting": named}


@pytest.mark.parametrize("url", ["s3://", "s3:///p", "s3://Up/p", "s3://b/p", "s3://bucket?x=1"])
def test_a_bad_bucket_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="store url"):
        read_s3_settings(url, KEYS)


@pytest.mark.parametrize("url", ["s3://bucket/a/../b", "s3://bucket/a//b"])
def test_a_bad_prefix_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument):
        read_s3_settings(url, KEYS)
