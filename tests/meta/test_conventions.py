"""What the code must look like everywhere, checked on the tree itself."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 350
MAX_BODY_LINES = 60
REQUIREMENT = re.compile(r"[A-Za-z0-9-]+")


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / line for line in listed.splitlines()]
    return [path for path in paths if path.suffix in suffixes and path.is_file()]


def sources() -> list[Path]:
    return [path for path in tracked(".py") if "_pb2" not in path.name]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_longer_than_a_reader_holds_in_mind() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()
    }
    assert {name: n for name, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{function.name}": body_lines(function)
        for path in sources()
        for function in functions(path)
        if body_lines(function) > MAX_BODY_LINES
    }
    assert long == {}


def test_everything_public_says_what_it_is() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{function.name}"
        for path in sources()
        if path.is_relative_to(ROOT / "graft") or path.is_relative_to(ROOT / "services")
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not function.name.startswith("_")
        and not ast.get_docstring(function)
    ]
    assert silent == []


@pytest.mark.parametrize("pattern", [r"/work/", r"/root/", r"pickle\.load"])
def test_nothing_of_one_machine_is_in_the_tree(pattern: str) -> None:
    own = Path(__file__)
    found = [
        str(path.relative_to(ROOT))
        for path in tracked(".py", ".md", ".yaml", ".toml", ".txt", ".proto", ".Dockerfile")
        if path != own and re.search(pattern, path.read_text())
    ]
    assert found == []


def requirements() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [
        *project["dependencies"],
        *itertools.chain.from_iterable(project["optional-dependencies"].values()),
    ]
    names = {match.group() for line in lines if (match := REQUIREMENT.match(line))}
    return names - {"graft-suite"}


def test_every_dependency_earns_its_place_in_a_line() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split("| package |")[1].splitlines()[2:]
    explained = {line.split("|")[1].strip() for line in table if line.startswith("|")}
    assert explained == requirements()


def test_every_dependency_is_locked() -> None:
    locked = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert {name.lower() for name in requirements()} - locked == set()
