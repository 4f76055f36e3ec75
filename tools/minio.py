"""A MinIO server to test against.

`python -m tools.minio` prints where its program is and builds it where need be, which takes some
minutes; `make` calls this before the tests. Exit status 1 and the reason where it cannot be had:
the tests then run against moto's server and say so.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tools import go_program
from tools.go_program import GoProgram, ProgramMissing

MINIO = GoProgram("minio", "github.com/minio/minio@latest")
RETRY_AFTER_S = 600.0  # several test processes need not each wait for the same failure


def ensure() -> Path | None:
    """The program, built if need be; None where that failed, now or some minutes ago."""
    failed = go_program.TOOLS / "minio.failed"
    if MINIO.find() is None and _age_s(failed) < RETRY_AFTER_S:
        return None
    try:
        return MINIO.ensure()
    except ProgramMissing:
        failed.parent.mkdir(exist_ok=True)
        failed.touch()
        return None


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime if path.exists() else float("inf")


def main() -> int:
    """Print where the program is; 1 where there is none."""
    try:
        print(MINIO.ensure())
    except ProgramMissing as error:
        print(f"{error}. Put minio on the PATH to test against it.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
