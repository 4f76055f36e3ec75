"""The Makefile's verbs, the choice of a Python, and the lock."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VERBS = ["help", "run", "test", "lint", "protos", "bench", "up", "down", "images", "deploy"]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {key: text for key, text in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_help_lists_every_verb_with_a_phrase() -> None:
    done = make("help")
    assert done.returncode == 0
    told = dict(re.findall(r"^  make (\w+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert set(VERBS) <= set(told)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_known_to_make(verb: str) -> None:
    done = make("--dry-run", verb)
    assert done.returncode == 0, done.stderr
    assert "undefined variable" not in done.stderr


def test_an_unknown_verb_fails() -> None:
    assert make("no-such-verb").returncode == 2


def test_what_ci_runs_is_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text().splitlines() if line and line[0] != "#"]
    assert lines[-1] == "exec make test"


def choose(folder: Path, *arguments: str, **versions: str) -> subprocess.CompletedProcess[str]:
    """Choose among pretended interpreters on an otherwise empty PATH."""
    for name, version in versions.items():
        path = folder / name.replace("_", ".")
        numbers = version.split(".")
        path.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = --version ] && echo "Python {version}" && exit 0\n'
            f'case "$2" in *version_info*) [ {numbers[0]} = 3 ] && [ {numbers[1]} -ge 11 ]'
            f" && [ {numbers[1]} -le 13 ];; *) true;; esac\n"
        )
        path.chmod(0o700)
    return subprocess.run(
        ["/bin/bash", str(ROOT / "tools" / "choose_python.sh"), *arguments],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_python3_is_taken_when_it_fits(tmp_path: Path) -> None:
    assert choose(tmp_path, python3="3.12.1", python3_13="3.13.0").stdout == "python3\n"


def test_another_one_is_taken_when_python3_is_too_old_or_too_new(tmp_path: Path) -> None:
    assert choose(tmp_path, python3="3.9.2", python3_11="3.11.2").stdout == "python3.11\n"
    assert choose(tmp_path, python3="3.14.0", python3_12="3.12.2").stdout == "python3.12\n"


@pytest.mark.parametrize("version", ["3.10.9", "3.14.0", "2.7.18"])
def test_without_one_that_fits_the_error_says_what_is_there(tmp_path: Path, version: str) -> None:
    done = choose(tmp_path, python3=version)
    assert (done.returncode, done.stdout) == (1, "")
    assert "3.11, 3.12 or 3.13 is needed" in done.stderr
    assert f"Received: Python {version}" in done.stderr


def test_without_any_python_the_error_says_so(tmp_path: Path) -> None:
    done = choose(tmp_path)
    assert done.returncode == 1
    assert "Received: no python3" in done.stderr


def test_the_one_that_was_named_is_taken_or_refused_but_no_other(tmp_path: Path) -> None:
    versions = {"python3": "3.12.0", "mine": "3.11.0", "old": "3.8.0"}
    assert choose(tmp_path, "mine", **versions).stdout == "mine\n"
    assert choose(tmp_path, "old", **versions).returncode == 1


def test_the_real_one_fits() -> None:
    done = subprocess.run(
        ["bash", "tools/choose_python.sh", sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{sys.executable}\n"


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if not line.startswith("#"))


def test_the_lock_names_exact_versions_and_what_is_installed() -> None:
    pinned = {re.sub(r"[-_.]+", "-", name): version for name, version in pins().items()}
    assert int(pinned["setuptools"].split(".")[0]) < 81, "tensorflow_hub needs pkg_resources"
    for requirement in importlib.metadata.requires("tensorflow") or []:
        if ";" in requirement:
            continue
        name = re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower())  # type: ignore[index]
        assert name in pinned, f"{requirement} of TensorFlow is not locked"
    for name in ("grpcio", "numpy", "pylance", "tensorflow", "typer"):
        assert importlib.metadata.version(name) == pinned[name]
