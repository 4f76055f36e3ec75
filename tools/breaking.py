"""Compare protos/ with the last release, or with main, and fail when a client would break.

The past is read with `git archive`, which works in any checkout; where there is none (a source
archive), or it holds no protos, there is nothing to break and a line says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_KEPT = ("protos", "buf.yaml")


def past(root: Path) -> str:
    """Answer the last tag, else where we left main (here or at origin), else an empty text.

    What main has got since then is missing from a branch, not deleted by it. A shallow clone may
    not hold the commit where they parted; then main as it is now is the best that can be had.
    """
    if tag := _git(root, "describe", "--tags", "--abbrev=0"):
        return tag
    for branch in ("main", "origin/main"):
        if _git(root, "rev-parse", "--verify", "--quiet", branch):
            return _git(root, "merge-base", "HEAD", branch) or branch
    return ""


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def compare(root: Path, revision: str) -> int:
    """Answer buf's exit status; 0 when the revision holds no protos."""
    if not _git(root, "ls-tree", "--name-only", revision, *_KEPT):
        print(f"buf breaking: {revision} holds no protos, nothing to compare with")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "past.tar"
        command = ["git", "archive", f"--output={archive}", revision, *_KEPT]
        subprocess.run(command, cwd=root, check=True)
        buf = Path(sys.executable).parent / "buf"
        against = f"--against={archive}"
        return subprocess.run([buf, "breaking", against], cwd=root, check=False).returncode


def main() -> None:
    """Compare, and exit as buf does."""
    revision = past(ROOT)
    if not revision:
        print("buf breaking: no tag and no main here, nothing to compare with")
        return
    sys.exit(compare(ROOT, revision))


if __name__ == "__main__":
    main()
