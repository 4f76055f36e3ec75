"""The commands against a fake suite: results on stdout, everything else on stderr, exit 0, 1, 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import graft
from graft import process
from graft.cli.main import main
from graft.client.loop import LoopThread
from graft.runfile import SERVICES, ServiceRun, run_path, write_run
from graft.runfile import Run as SuiteRun
from tests.support.fake_suite import FakeSuite, fake_suite

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0)}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one line of JSON on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)


Run = Callable[..., Done]


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
def up(suite: FakeSuite, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, where the fake suite is known by its addresses."""
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


def test_the_version(run: Run) -> None:
    assert run("--version") == Done(0, f"graft {graft.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["train"],
        ["train", "somewhere"],
        ["train", "somewhere", "--model", "m", "--budget", "soon"],
        ["train", "somewhere", "--model", "m", "--budget", "0s"],
        ["train", "somewhere", "--model", "m", "--task", "poetry"],
        ["train", "somewhere", "--model", "m", "--seed", "-1"],
        ["predict", "pets"],
        ["models", "promote"],
        ["status", "--verbose"],
    ],
)
def test_wrong_usage_is_status_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["models", "list"], ["predict", "pets", __file__], ["backbones", "list"]],
)
def test_without_a_suite_the_error_names_graft_up(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (1, "")
    assert "graft up" in done.err


def test_nothing_listening_at_an_address_names_graft_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_TRAINER", "127.0.0.1:1")
    done = run("models", "list")
    assert done.code == 1
    assert "127.0.0.1:1; start the suite with `graft up`" in done.err


def test_down_without_a_suite_is_done(run: Run) -> None:
    assert run("down", "--json") == Done(0, '{"stopped": false}\n', "")


def test_train_as_the_contract_has_it(up: Run, images: Path) -> None:
    done = up("train", images, "--model", "hues", "--seed", "3", "--budget", "2m", "--json")
    assert done.code == 0
    told = done.document
    assert told["model"] == "projects/default/models/hues"
    assert told["version"] == 1
    assert told["accuracy"] == {"estimate": 0.9, "low": 0.8, "high": 0.95}
    assert 0 < told["seconds"] < 30
    job = up("jobs", "show", told["job"], "--json").document
    assert (job["seed"], job["state"]) == (3, "SUCCEEDED")


def test_train_in_words(up: Run, images: Path) -> None:
    (images / "red" / "broken.png").write_bytes(b"no image")
    (images / "red" / "notes.txt").write_text("hello")
    (images / "blue").mkdir()
    done = up("train", images, "--model", "hues")
    assert "hues version 1: accuracy 90.0% (95% interval 80.0% to 95.0%)" in done.out
    assert "graft report hues --html report.html" in done.out
    assert "6 examples of 2 classes" in done.err
    assert "1 file rejected" in done.err
    assert "red/broken.png: " in done.err
    assert "skipped 1 .txt file: no images" in done.err
    assert "'blue'" in done.err


def test_train_without_waiting_prints_the_job(up: Run, images: Path) -> None:
    told = up("train", images, "--model", "hues", "--no-wait", "--json").document
    assert told["name"].startswith("projects/default/trainingJobs/")
    said = up("train", images, "--model", "hues", "--no-wait").out
    newest = up("jobs", "list", "--json").document
    assert len(newest) == 2
    ids = [job["name"].rpartition("/")[2] for job in newest]
    assert any(f"graft jobs watch {one}" in said for one in ids)


def test_train_passes_on_what_only_the_report_warns_of(
    up: Run, suite: FakeSuite, images: Path
) -> None:
    suite.world.report_warnings = ["16 candidates were not tried."]
    done = up("train", images, "--model", "hues", "--budget", "1s", "--json")
    assert done.document["version"] == 1
    assert "warning: 16 candidates were not tried." in done.err


def test_a_job_that_was_cancelled_is_a_failure(up: Run, suite: FakeSuite, images: Path) -> None:
    suite.world.hold_jobs = True
    job = up("train", images, "--model", "hues", "--no-wait", "--json").document["name"]
    assert up("jobs", "cancel", job, "--json").document["state"] == "CANCELLED"
    done = up("jobs", "watch", job, "--json")
    assert done.code == 1
    assert [json.loads(line)["revision"] for line in done.out.splitlines()] == [1, 2, 3, 4, 5]
    assert "was cancelled" in done.err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--model", "a/b"], "a model is"),
        (["--model", "m", "--task", "detection"], "task must be one of auto, classification"),
        (["--model", "m", "--backbone", "x/y"], "backbones/"),
        (["--model", "m", "--seed", str(10**30)], "spec.seed is a whole number"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_upload(
    up: Run, suite: FakeSuite, images: Path, arguments: list[str], wanted: str
) -> None:
    done = up("train", images, *arguments)
    assert (done.code, done.out) == (1, "")
    assert wanted in done.err
    assert suite.world.imports == []


def test_one_class_only_fails_with_the_servers_reason(up: Run, images: Path) -> None:
    for path in (images / "green").iterdir():
        path.unlink()
    done = up("train", images, "--model", "hues")
    assert done.code == 1
    assert "two classes are needed" in done.err


def test_predict_prints_a_table(trained: Run, images: Path) -> None:
    done = trained("predict", "hues", images / "red", images / "green" / "1.png")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["input", "label", "score", "unknown"]
    assert [line[1] for line in lines[1:]] == ["red", "red", "red", "green"]


def test_predict_as_the_contract_has_it(trained: Run, images: Path) -> None:
    bad, gone = images / "bad.png", images / "gone.png"
    bad.write_bytes(b"no image")
    good = images / "red" / "0.png"
    done = trained("predict", "hues@live", good, bad, gone, good, "--json")
    assert done.code == 1
    first, second, third, fourth = (json.loads(line) for line in done.out.splitlines())
    assert set(first) == {"input", "label", "score", "unknown", "scores", "version"}
    assert first == fourth
    assert (first["input"], first["label"], first["version"]) == (str(good), "red", 1)
    assert first["scores"]["red"] == first["score"]
    assert second["error"]["reason"] == "IMAGE_UNDECODABLE"
    assert str(bad) in second["error"]["message"]
    assert third["error"]["reason"] == "NOT_FOUND"
    assert "2 of 4 inputs" in done.err


def test_predict_of_an_empty_folder_or_unknown_model(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no image files" in trained("predict", "hues", tmp_path / "empty").err
    done = trained("predict", "nobody", __file__)
    assert (done.code, done.out) == (1, "")
    assert "models/nobody" in done.err


def test_evaluate_as_the_contract_has_it(trained: Run, images: Path) -> None:
    (images / "blue").mkdir()
    Image.new("RGB", (8, 8), (0, 0, 200)).save(images / "blue" / "0.png")
    (images / "red" / "bad.png").write_bytes(b"no image")
    done = trained("evaluate", "hues", images, "--json")
    assert done.code == 0
    told = done.document
    assert {"accuracy", "macro_f1", "log_loss", "ece", "per_class", "count", "unknown"} <= set(told)
    assert (told["accuracy"], told["macro_f1"], told["count"]) == (1.0, 1.0, 6)
    assert told["per_class"]["red"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "count": 3}
    assert told["unseen_labels"] == {"blue": 1}
    assert list(told["problems"]) == ["red/bad.png"]
    assert "not trained on" in done.err
    assert "red/bad.png" in done.err
    assert "accuracy 100.0%" in trained("evaluate", "hues", images).out


def test_report_as_data_page_and_words(trained: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = trained("report", "hues", "--html", page, "--json")
    assert done.document["model_version"] == "projects/default/models/hues/versions/1"
    assert done.document["accuracy"]["low"] == 0.8
    assert page.read_text(encoding="utf-8") == "<html>ü</html>"
    assert "by cross-validation on 4" in trained("report", "hues/1").out
    done = trained("report", "hues", "--html", tmp_path / "no" / "folder.html")
    assert done.code == 1
    assert "cannot write" in done.err


def test_a_report_without_an_accuracy_says_so_and_names_no_method(
    trained: Run, suite: FakeSuite
) -> None:
    suite.world.report_accuracy = None
    lines = trained("report", "hues").out.splitlines()
    assert lines[1] == "accuracy not measured: too few examples to hold any back"


def test_models(trained: Run, images: Path) -> None:
    trained("train", images, "--model", "hues")
    assert trained("models", "list", "--json").document[0]["aliases"] == {"live": 2}
    shown = trained("models", "show", "hues/1", "--json").document
    assert (shown["version"]["version"], shown["model"]["versions"]) == (1, [1, 2])
    assert trained("models", "promote", "hues/1", "--json").document["aliases"] == {"live": 1}
    assert "hues@best is version 2" in trained("models", "promote", "hues/2", "--alias", "best").out
    assert "best -> 2" in trained("models", "show", "hues@best").out
    assert "NAME/VERSION was wanted" in trained("models", "promote", "hues").err
    assert trained("models", "promote", "hues/9").code == 1
    assert trained("models", "delete", "hues", "--json").document == {"deleted": "hues"}
    assert trained("models", "list", "--json").document == []


def test_datasets(trained: Run) -> None:
    assert trained("datasets", "list", "--json").document[0]["labels"] == {"green": 3, "red": 3}
    assert "6 examples" in trained("datasets", "show", "hues").out
    assert "hues" in trained("datasets", "list").out
    assert trained("datasets", "delete", "hues").code == 0
    assert trained("datasets", "show", "hues").code == 1


def test_jobs_and_backbones(trained: Run) -> None:
    assert "SUCCEEDED" in trained("jobs", "list").out
    job = trained("jobs", "list", "--json").document[0]["name"].rpartition("/")[2]
    assert "succeeded" in trained("jobs", "watch", job).out
    assert "accuracy 90.0%" in trained("jobs", "show", job).out
    assert trained("jobs", "cancel", job).code == 1
    assert "fake" in trained("backbones", "list").out
    assert trained("backbones", "show", "fake", "--json").document["engine"] == "fake"
    assert "8x8" in trained("backbones", "show", "fake").out
    assert trained("backbones", "show", "none").code == 1


def test_a_backbone_that_cannot_be_imported_tells_why(up: Run, tmp_path: Path) -> None:
    done = up("backbones", "import", tmp_path / "nothing", "--name", "mine")
    assert (done.code, done.out) == (1, "")
    assert str(tmp_path / "nothing") in done.err
    assert up("backbones", "import", tmp_path, "--name", "a/b").code == 1


def test_status_of_a_suite_known_by_its_addresses(
    up: Run, suite: FakeSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = up("status", "--json").document
    assert {entry["health"] for entry in told["services"].values()} == {"SERVING"}
    monkeypatch.setenv("GRAFT_TRAINER", "127.0.0.1:1")
    done = up("status")
    assert done.code == 1
    assert "UNREACHABLE" in done.out


def test_a_project_of_ones_own(up: Run, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_PROJECT", "team")
    told = up("train", images, "--model", "hues", "--json").document
    assert told["model"] == "projects/team/models/hues"


def test_up_without_the_suites_packages_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graft.local import plan

    monkeypatch.setitem(plan._NEEDED, "no_such_module", "TensorFlow")
    done = run("up", "--detach")
    assert (done.code, done.out) == (1, "")
    assert "pip install 'graft-suite[suite]'" in done.err


def test_up_with_another_store_than_that_of_the_running_suite_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = {name: ServiceRun("a:1", "b:2", "/log", "SERVING") for name in SERVICES}
    path = run_path({"HOME": str(tmp_path / "home")})
    write_run(path, SuiteRun(*process.own(), "0.1", "/data", "file:///data/store", services))
    assert run("up").code == 0
    monkeypatch.setenv("GRAFT_STORE", "file:///data/store")
    assert run("up").code == 0
    monkeypatch.setenv("GRAFT_STORE", "s3://elsewhere/x")
    done = run("up", "--detach")
    assert (done.code, done.out) == (1, "")
    assert "its store in file:///data/store" in done.err
