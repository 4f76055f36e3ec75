"""Telling a living process from another one that got its number later."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_START_FIELD: Final = 22 - 3  # of /proc/PID/stat, counted behind the name, which may hold spaces
_PS_TIMEOUT_S: Final = 5


def identity(pid: int) -> str:
    """Answer what tells this process from any other one ever numbered `pid`; "" when it is gone.

    A zombie counts as gone: it holds no port, no file and no lock any more.
    """
    if Path("/proc/self/stat").exists():
        return _from_proc(pid)
    return _from_ps(pid)


def _from_proc(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else f"{boot}/{fields[_START_FIELD]}"


def _from_ps(pid: int) -> str:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_PS_TIMEOUT_S
    )
    return done.stdout.strip()


def is_running(pid: int, wanted: str) -> bool:
    """Whether the process that had `wanted` as its identity still runs."""
    return bool(wanted) and identity(pid) == wanted


def own() -> tuple[int, str]:
    """Answer this process's number and identity."""
    return os.getpid(), identity(os.getpid())
