"""A Dockerfile, and its build stage performed without Docker: the same COPY and RUN in a folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

RUN_LIMIT_S = 550


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile, continuations joined: `RUN` and what follows it."""

    word: str
    rest: str


@dataclass(frozen=True)
class Stage:
    """The instructions from one FROM to the next; the first is the FROM itself."""

    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> list[str]:
        return [each.rest for each in self.instructions if each.word == word]

    def environment(self) -> dict[str, str]:
        pairs = " ".join(self.all("ENV")).split()
        return dict(pair.split("=", 1) for pair in pairs)

    def copies(self) -> Iterator[tuple[list[str], str]]:
        """(sources, destination) of each COPY from the build context."""
        for rest in self.all("COPY"):
            words = rest.split()
            if not words[0].startswith("--from="):
                yield words[:-1], words[-1]


def read_stages(text: str) -> tuple[dict[str, str], list[Stage]]:
    """The ARGs before the first FROM, and the stages in order."""
    instructions = list(_instructions(text))
    starts = [at for at, each in enumerate(instructions) if each.word == "FROM"]
    arguments = [each.rest for each in instructions[: starts[0]] if each.word == "ARG"]
    ends = [*starts[1:], len(instructions)]
    stages = [
        Stage(tuple(instructions[start:end])) for start, end in zip(starts, ends, strict=True)
    ]
    return dict(argument.split("=", 1) for argument in arguments), stages


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        yield Instruction(word, rest.strip())


@dataclass(frozen=True)
class Replay:
    """A folder that stands for the image's root; nothing outside it is written but pip's cache."""

    context: Path
    root: Path

    @property
    def python(self) -> Path:
        """The interpreter of the environment that the image ships."""
        return self.root / "opt" / "graft" / "bin" / "python"

    def perform(self, stage: Stage, *, pip_options: str = "") -> None:
        """COPY and RUN as the stage says; `pip_options` go to every `pip install`."""
        (workdir,) = stage.all("WORKDIR")
        folder = self._inside(workdir)
        for sources, target in stage.copies():
            self._copy(sources, folder / target, into=len(sources) > 1 or target.endswith("/"))
        for command in stage.all("RUN"):
            self._run(command.replace(" install ", f" install {pip_options} "), folder)

    def say(self, *arguments: str) -> str:
        """What the installed interpreter prints, asked from outside any checkout."""
        return _output([str(self.python), *arguments], self.root)

    def installed(self) -> dict[str, str]:
        """Version by normalised name of everything in the image's environment."""
        command = ["python", "-m", "pip", "--python", str(self.python), "list", "--format=json"]
        packages = json.loads(_output(command, self.root))
        return {normal(each["name"]): each["version"] for each in packages}

    def _inside(self, path: str) -> Path:
        return self.root / PurePosixPath(path).relative_to("/")

    def _copy(self, sources: list[str], target: Path, *, into: bool) -> None:
        for source in sources:
            found = self.context / source
            end = target / found.name if into else target
            end.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, end, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(found, end)

    def _run(self, command: str, folder: Path) -> None:
        _output(["sh", "-euc", command.replace("/opt/", f"{self.root}/opt/")], folder)


def normal(name: str) -> str:
    """A distribution's name in the one spelling that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _output(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=_clean_environment(os.environ),
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


def _clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What an image's build would see: `python` is ours, nothing of this checkout is on its path.

    pip's settings stay, for they say where packages come from on this machine.
    """
    kept = {key: value for key, value in environ.items() if key.startswith(("PIP_", "SSL_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    return {**kept, "PATH": path, "HOME": environ.get("HOME", "/tmp")}
