"""Make the stubs under graft/ from protos/, or with --check tell whether they have drifted.

The version of the generator is asserted first: two versions give two texts, and a diff full of
noise hides the one line that matters.
"""

from __future__ import annotations

import filecmp
import importlib.metadata
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
GENERATOR_VERSION = "1.85.1"  # of grpcio-tools, as in constraints.txt


def _assert_version() -> None:
    found = importlib.metadata.version("grpcio-tools")
    if found != GENERATOR_VERSION:
        sys.exit(
            f"grpcio-tools must be {GENERATOR_VERSION}: install it with constraints.txt,"
            f" or raise GENERATOR_VERSION on purpose. Received: {found}"
        )


def _generate(target: Path) -> None:
    sources = sorted(str(path) for path in (ROOT / "protos").rglob("*.proto"))
    well_known = str(Path(grpc_tools.__file__).parent / "_proto")
    status = protoc.main(
        [
            "protoc",
            f"-I{ROOT / 'protos'}",
            f"-I{well_known}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            *sources,
        ]
    )
    if status:
        sys.exit(f"protoc failed with status {status}")
    for stub in target.rglob("*_pb2_grpc.py"):
        if "Servicer_to_server" not in stub.read_text():
            stub.unlink()  # a file without a service has an empty service stub


def _stubs(root: Path) -> dict[Path, Path]:
    return {
        path.relative_to(root): path
        for path in root.rglob("*_pb2*")
        if path.is_file() and path.suffix in (".py", ".pyi")
    }


def _drift() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        _generate(Path(folder))
        fresh, kept = _stubs(Path(folder)), _stubs(ROOT / "graft")
        kept = {Path("graft") / name: path for name, path in kept.items()}
        return sorted(
            str(name)
            for name in fresh.keys() | kept.keys()
            if name not in fresh
            or name not in kept
            or not filecmp.cmp(fresh[name], kept[name], shallow=False)
        )


def main() -> None:
    """Write the stubs; with --check write nothing and exit 1 if one differs."""
    _assert_version()
    if sys.argv[1:] == ["--check"]:
        if drift := _drift():
            sys.exit("stubs differ from protos, run `make protos`: " + ", ".join(drift))
        return
    for path in _stubs(ROOT / "graft").values():
        path.unlink()
    _generate(ROOT)
    for package in sorted({path.parent for path in (ROOT / "graft").rglob("*_pb2.py")}):
        (package / "__init__.py").touch()
        (package.parent / "__init__.py").touch()


if __name__ == "__main__":
    main()
