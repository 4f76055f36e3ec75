"""The check against the protos of the past, on repositories made for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import breaking

PROTO = """syntax = "proto3";
package toy.v1;
// A thing.
message Thing {
  // Its number.
  int64 number = %d;
}
"""
BUF = "version: v2\nmodules:\n  - path: protos\nbreaking:\n  use:\n    - WIRE_JSON\n"


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def write(root: Path, number: int) -> None:
    (root / "protos" / "toy" / "v1").mkdir(parents=True, exist_ok=True)
    (root / "protos" / "toy" / "v1" / "thing.proto").write_text(PROTO % number)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "buf.yaml").write_text(BUF)
    write(tmp_path, 1)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message=first")
    return tmp_path


def head(root: Path) -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.check_output(command, cwd=root, text=True).strip()


def test_what_stayed_the_same_breaks_nobody(repository: Path) -> None:
    assert breaking.past(repository) == head(repository)
    assert breaking.compare(repository, "main") == 0


def test_what_main_has_got_since_is_not_missed(repository: Path) -> None:
    parted = head(repository)
    git(repository, "branch", "work")
    thing = repository / "protos" / "toy" / "v1" / "thing.proto"
    thing.write_text(thing.read_text().replace("}", "  // Its name.\n  string name = 2;\n}"))
    git(repository, "add", ".")
    git(repository, "commit", "--message=second")
    git(repository, "switch", "work")
    assert breaking.past(repository) == parted
    assert breaking.compare(repository, "main") != 0
    assert breaking.compare(repository, breaking.past(repository)) == 0


def test_a_field_that_changed_its_number_is_found(
    repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(repository, 2)
    assert breaking.compare(repository, "main") != 0
    assert "number" in capfd.readouterr().out


def test_the_last_tag_comes_before_main(repository: Path) -> None:
    git(repository, "tag", "v0.1.0")
    assert breaking.past(repository) == "v0.1.0"


def test_a_tree_without_a_past_has_nothing_to_break(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert breaking.past(tmp_path) == ""
    git(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "readme").touch()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message=first")
    assert breaking.compare(tmp_path, "main") == 0
    assert "holds no protos" in capfd.readouterr().out
