"""A program of the tests' that is written in Go: on the PATH, or built once into `.tools/bin`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / ".tools"
BUILD_LIMIT_S = 540


class ProgramMissing(Exception):
    """It is not there and cannot be built; the text says why."""


@dataclass(frozen=True)
class GoProgram:
    """`name` is the binary's, `module` the path@version that `go install` takes."""

    name: str
    module: str

    def ensure(self) -> Path:
        """The path of the binary, built first if need be, by one process however many ask."""
        return self.find() or self._build_once()

    def find(self) -> Path | None:
        """The path of the binary if it is there already."""
        places = os.pathsep.join((os.environ.get("PATH", ""), str(TOOLS / "bin")))
        found = shutil.which(self.name, path=places)
        return Path(found) if found else None

    def _build_once(self) -> Path:
        go = shutil.which("go")
        if go is None:
            raise ProgramMissing(f"{self.name} is not on the PATH, nor is Go to build it with")
        with self._lock():  # while this process waited another may have built it
            return self.find() or self._build(go)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        TOOLS.mkdir(exist_ok=True)
        with (TOOLS / f"{self.name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _build(self, go: str) -> Path:
        target = TOOLS / "bin"
        try:
            subprocess.run(
                [go, "install", self.module],
                env={**os.environ, "GOBIN": str(target)},
                capture_output=True,
                text=True,
                timeout=BUILD_LIMIT_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            reason = error.stderr.strip().splitlines()[-1:]
            raise ProgramMissing(f"go install {self.module} failed. Received: {reason}") from error
        except subprocess.TimeoutExpired as error:
            text = f"go install {self.module} took over {BUILD_LIMIT_S} s"
            raise ProgramMissing(text) from error
        return target / self.name
