"""The list of public names, and that importing them needs nothing heavy."""

from __future__ import annotations

import subprocess
import sys
import types

import graft

BANNED = ["tensorflow", "openvino", "lance", "pyarrow", "sklearn", "scipy", "PIL", "services"]
BANNED += ["minio", "grpc_health", "grpc_reflection", "prometheus_client", "safetensors"]


def test_all_names_what_is_public_and_nothing_else() -> None:
    public = {
        name
        for name, value in vars(graft).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert {*graft.__all__} == public | {"__version__"}
    assert len(graft.__all__) == len(set(graft.__all__))


def test_every_error_is_exported() -> None:
    from graft import errors

    for kind in errors.BY_CODE.values():
        assert getattr(graft, kind.__name__) is kind


def test_client_and_command_line_import_without_the_services_packages() -> None:
    """In a fresh process, where nothing has been imported yet."""
    program = (
        "import sys\n"
        f"banned = {BANNED}\n"
        "sys.modules.update(dict.fromkeys(banned))\n"
        "import graft, graft.cli.main, graft.local.supervisor\n"
        "assert graft.Client and graft.AsyncClient\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
