"""Settings: defaults, and bad values named."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graft.errors import InvalidArgument
from graft.local.restarts import REFUSED_STATUS
from services.common import settings

ROOT = Path(__file__).resolve().parents[3]


def test_defaults_need_no_environment() -> None:
    read = settings.read_settings("trainer", {"HOME": "/home/me"})
    assert read.listen == "127.0.0.1:50052"
    assert read.metrics_listen == "127.0.0.1:9102"
    assert read.store_url == "file:///home/me/.graft/store"


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("GRAFT_LISTEN", "50051", "host:port"),
        ("GRAFT_LISTEN", "host:port", "host:port"),
        ("GRAFT_LISTEN", "h:70000", "host:port"),
        ("GRAFT_GRACE_S", "soon", "whole number from 0 to 3600"),
        ("GRAFT_GRACE_S", "-1", "whole number from 0 to 3600"),
        ("GRAFT_ENGINE", "tpu", "one of auto, tensorflow, openvino"),
        ("GRAFT_LOG_LEVEL", "LOUD", "one of DEBUG"),
        ("GRAFT_MAX_BATCH", "0", "from 1"),
        ("GRAFT_REFLECTION", "yes", "one of 0, 1"),
    ],
)
def test_a_bad_value_is_named_with_its_key_and_what_was_wanted(
    key: str, value: str, wanted: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        settings.read_settings("embedder", {key: value})
    assert key in str(caught.value)
    assert repr(value) in str(caught.value)
    assert wanted in str(caught.value)


def test_an_empty_value_means_the_default() -> None:
    assert settings.read_settings("embedder", {"GRAFT_GRACE_S": ""}).grace_s == 20


def test_settings_cannot_be_changed_after_the_start() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.read_settings("embedder", {}).grace_s = 3  # type: ignore[misc]


def test_a_bad_setting_ends_the_process_with_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAFT_QUEUE_ITEMS", "many")
    with pytest.raises(SystemExit) as caught:
        settings.from_process("embedder")
    assert caught.value.code == REFUSED_STATUS
    assert capsys.readouterr().err.startswith("graft embedder: GRAFT_QUEUE_ITEMS must be")


@pytest.mark.parametrize("service", ["embedder", "trainer", "predictor"])
@pytest.mark.parametrize(
    ("store", "named"), [("ftp://x", "GRAFT_STORE"), ("s3://bucket", "AWS_ACCESS_KEY_ID")]
)
def test_a_store_that_cannot_be_meant_ends_every_service_alike(
    service: str, store: str, named: str
) -> None:
    kept = {key: text for key, text in os.environ.items() if not key.startswith(("GRAFT", "AWS"))}
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        cwd=ROOT,
        env={**kept, "GRAFT_STORE": store},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == REFUSED_STATUS
    assert done.stderr.splitlines()[-1].startswith(f"graft {service}: {named} must be ")
