"""Thread counts from control groups, as functions of file contents."""

from __future__ import annotations

import pytest

from services.common.cpu import available_threads, cpu_quota, device_threads

V2 = {"/proc/self/cgroup": "0::/kubepods/pod1/box\n"}
V1 = {"/proc/self/cgroup": "5:memory:/box\n4:cpu,cpuacct:/box\n1:name=systemd:/x\n"}
MIXED = {"/proc/self/cgroup": "3:cpu:/box\n0::/box\n"}
ROOT = "/sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        (V2, None),
        (V2 | {f"{ROOT}/kubepods/pod1/box/cpu.max": "150000 100000\n"}, 1.5),
        (V2 | {f"{ROOT}/kubepods/pod1/box/cpu.max": "max 100000\n"}, None),
        (V2 | {f"{ROOT}/cpu.max": "50000 100000"}, 0.5),
        (
            V2
            | {
                f"{ROOT}/kubepods/pod1/box/cpu.max": "400000 100000",
                f"{ROOT}/kubepods/cpu.max": "200000 100000",
            },
            2.0,
        ),
        (V2 | {f"{ROOT}/cpu.max": "garbage"}, None),
        (V2 | {f"{ROOT}/cpu.max": "100 0"}, None),
        (
            V1
            | {
                f"{ROOT}/cpu,cpuacct/box/cpu.cfs_quota_us": "300000\n",
                f"{ROOT}/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            },
            3.0,
        ),
        (
            V1
            | {
                f"{ROOT}/cpu/cpu.cfs_quota_us": "25000",
                f"{ROOT}/cpu/cpu.cfs_period_us": "50000",
            },
            0.5,
        ),
        (
            V1
            | {
                f"{ROOT}/cpu,cpuacct/box/cpu.cfs_quota_us": "-1",
                f"{ROOT}/cpu,cpuacct/box/cpu.cfs_period_us": "100000",
            },
            None,
        ),
        (
            MIXED
            | {
                f"{ROOT}/cpu/box/cpu.cfs_quota_us": "100000",
                f"{ROOT}/cpu/box/cpu.cfs_period_us": "100000",
            },
            1.0,
        ),
        ({"/proc/self/cgroup": "nonsense\n::\n"}, None),
    ],
)
def test_the_smallest_quota_of_the_group_and_all_above_it_counts(
    files: dict[str, str], quota: float | None
) -> None:
    assert cpu_quota(files.get) == quota


@pytest.mark.parametrize(
    ("quota", "cores", "threads"),
    [(None, 8, 8), (1.5, 8, 2), (0.1, 8, 1), (16.0, 8, 8), (2.0, 8, 2), (0.0, 4, 1)],
)
def test_threads_fit_the_quota_and_the_cores(quota: float | None, cores: int, threads: int) -> None:
    assert device_threads(quota, cores) == threads


def test_this_process_has_at_least_one() -> None:
    assert available_threads() >= 1
