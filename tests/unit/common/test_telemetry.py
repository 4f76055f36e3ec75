"""Logs as JSON lines: what they hold, and what they must never hold."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
_ASK_A_STORE = """
import os
from graft.errors import Unavailable
from services.common import telemetry
from services.common.store import open_store
telemetry.configure("tester", "DEBUG")
try:
    with open_store("s3://bucket/prefix", os.environ) as store:
        store.put("a", b"1", if_absent=True)
except Unavailable as error:
    import logging
    logging.getLogger("tester").warning("%s", error)
"""


def test_a_presigned_address_is_never_logged() -> None:
    """Its signature lets anybody who reads the log write to the store while it holds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        environ = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
        }
        done = subprocess.run(
            [sys.executable, "-c", _ASK_A_STORE],
            cwd=ROOT,
            env={"PYTHONPATH": ".", **environ},
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert "does not answer" in lines[-1]["message"]
    assert "X-Amz-" not in done.stderr
