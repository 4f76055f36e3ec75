"""How many threads to use: what the control group's CPU quota allows, not the host's cores.

Reading is separate from deciding: `cpu_quota` is a function of file contents, so both versions of
control groups are tested without either.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

_ROOT = "/sys/fs/cgroup"
_V1_FOLDERS = ("cpu,cpuacct", "cpu", "cpuacct,cpu")

Reader = Callable[[str], str | None]
"""Answers the text of a file, or None where there is none."""


def cpu_quota(read: Reader) -> float | None:
    """CPUs that the control group may use, 1.5 for 150%; None where nothing limits it.

    Every level above the process's own group may limit it too: the smallest quota counts. Inside a
    container the path of the group may not be visible; the root of the mount is its group then.
    """
    quotas = [quota for quota in _quotas(read) if quota is not None]
    return min(quotas, default=None)


def device_threads(quota: float | None, cores: int) -> int:
    """Threads for `cores` visible cores under `quota`: at least one, part of a CPU counts whole."""
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def available_threads() -> int:
    """The answer for this process."""
    return device_threads(cpu_quota(_read), len(os.sched_getaffinity(0)))


def _quotas(read: Reader) -> Iterator[float | None]:
    for line in (read("/proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            yield from (_v2(read(f"{_ROOT}{level}cpu.max")) for level in _levels(path))
        elif "cpu" in controllers.split(","):
            for folder in _V1_FOLDERS:
                yield from (_v1(read, f"{_ROOT}/{folder}{level}") for level in _levels(path))


def _levels(path: str) -> Iterator[str]:
    """The group and all above it, each with its slash: /a/b/, /a/, /."""
    group = PurePosixPath("/") / path.lstrip("/")
    for level in (group, *group.parents):
        yield f"{level}/" if str(level) != "/" else "/"


def _v2(text: str | None) -> float | None:
    """`cpu.max`: "max 100000" or "150000 100000", microseconds of CPU in each period."""
    match (text or "").split():
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
    return None


def _v1(read: Reader, folder: str) -> float | None:
    quota = (read(f"{folder}cpu.cfs_quota_us") or "").strip()
    period = (read(f"{folder}cpu.cfs_period_us") or "").strip()
    if quota.isdecimal() and period.isdecimal() and int(period):
        return int(quota) / int(period)  # a quota of -1 means none
    return None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None
