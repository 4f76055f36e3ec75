"""kustomize, for the tests of the manifests.

`python -m tools.kustomize` prints its path, building it where need be; `make` calls this before the
tests, so that no test waits for a compiler. Exit status 1 and the reason where it cannot be had.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools.go_program import GoProgram, ProgramMissing

# Pinned, because the rendered text may change with the version. The newest release that Go 1.26
# still compiles: later ones ask for a newer toolchain than many machines have.
VERSION = "v5.8.2"
KUSTOMIZE = GoProgram("kustomize", f"sigs.k8s.io/kustomize/kustomize/v5@{VERSION}")
RENDER_LIMIT_S = 30


class RenderFailed(Exception):
    """kustomize refused a folder; the text is its own complaint."""


def render(folder: Path) -> str:
    """`kustomize build FOLDER`: the manifests as one YAML stream. Raises ProgramMissing too."""
    command = [str(KUSTOMIZE.ensure()), "build", str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=RENDER_LIMIT_S, check=False
    )
    if done.returncode:
        raise RenderFailed(f"kustomize cannot render {folder}. Received: {done.stderr.strip()}")
    return done.stdout


def main() -> int:
    """Print where the program is; 1 where there is none."""
    try:
        print(KUSTOMIZE.ensure())
    except ProgramMissing as error:
        print(f"{error}. Put kustomize on the PATH to have the manifests checked.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
