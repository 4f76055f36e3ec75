"""The command line in this process, against a fake suite and in a HOME of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from PIL import Image

from graft.cli.main import main
from graft.client.loop import LoopThread
from tests.support.command import Done, Run
from tests.support.fake_suite import FakeSuite, fake_suite
from tests.support.things import boxed

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0)}


async def _make() -> AbstractAsyncContextManager[FakeSuite]:
    return fake_suite()


@pytest.fixture
def suite() -> Iterator[FakeSuite]:
    loop = LoopThread()
    context = loop.run(_make())
    running = loop.run(context.__aenter__())
    yield running
    loop.run(context.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `graft ...` in this process, in a HOME without a suite."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("EMBEDDER", "TRAINER", "PREDICTOR", "PROJECT"):
        monkeypatch.delenv(f"GRAFT_{name}", raising=False)

    def command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["graft", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return command


@pytest.fixture
def up(suite: FakeSuite, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The same, where the fake suite is known by its addresses."""
    monkeypatch.setenv("GRAFT_STORE", f"file://{tmp_path / 'store'}")
    for name in ("EMBEDDER", "TRAINER", "PREDICTOR"):
        monkeypatch.setenv(f"GRAFT_{name}", suite.server.address)
    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for label, colour in COLOURS.items():
        (root / label).mkdir(parents=True)
        for number in range(3):
            shade = tuple(max(0, part - number) for part in colour)
            Image.new("RGB", (8, 8), shade).save(root / label / f"{number}.png")
    return root


@pytest.fixture
def trained(up: Run, images: Path) -> Run:
    assert up("train", images, "--model", "hues").code == 0
    return up


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    folder.mkdir()
    return folder


@pytest.fixture
def boxes(folder: Path) -> Path:
    """A document of two pictures with a red and a green thing each."""
    return boxed(folder)


@pytest.fixture
def detector(up: Run, boxes: Path) -> Run:
    assert up("train", boxes, "--model", "things").code == 0
    return up
