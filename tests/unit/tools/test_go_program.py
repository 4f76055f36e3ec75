from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools import go_program
from tools.go_program import GoProgram, ProgramMissing

PROGRAM = GoProgram("a-tool", "example.test/a-tool@v1")
# Stands for the compiler: notes each build, takes its time, leaves a binary as `go install` does.
BUILDS = """#!/bin/sh
echo "$@" >>"$GOBIN/../builds"
sleep 0.2
mkdir -p "$GOBIN" && touch "$GOBIN/a-tool" && chmod +x "$GOBIN/a-tool"
"""
FAILS = """#!/bin/sh
echo "a-tool needs another Go" >&2
exit 1
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(go_program, "TOOLS", tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    return tmp_path / "tools"


def put_on_path(folder: Path, name: str, script: str) -> Path:
    path = folder / "path" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_what_is_on_the_path_is_taken(tools: Path) -> None:
    there = put_on_path(tools.parent, "a-tool", "#!/bin/sh\n")
    assert PROGRAM.ensure() == there
    assert not tools.exists()


def test_many_who_ask_at_once_build_once(tools: Path) -> None:
    put_on_path(tools.parent, "go", BUILDS)
    (tools / "bin").mkdir(parents=True)
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: PROGRAM.ensure(), range(4)))
    assert paths == [tools / "bin" / "a-tool"] * 4
    assert (tools / "builds").read_text().splitlines() == ["install example.test/a-tool@v1"]


def test_a_failed_build_says_what_go_said(tools: Path) -> None:
    put_on_path(tools.parent, "go", FAILS)
    with pytest.raises(ProgramMissing, match="a-tool needs another Go"):
        PROGRAM.ensure()


def test_without_go_it_says_so(tools: Path) -> None:
    with pytest.raises(ProgramMissing, match="nor is Go"):
        PROGRAM.ensure()
