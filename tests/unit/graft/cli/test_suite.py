"""`graft up`, `down` and `status`, as far as they need no process."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft import process
from graft.runfile import SERVICES, ServiceRun, run_path, write_run
from graft.runfile import Run as SuiteRun
from tests.support.command import Done, Run
from tests.support.fake_suite import FakeSuite


def test_down_without_a_suite_is_done(run: Run) -> None:
    assert run("down", "--json") == Done(0, '{"stopped": false}\n', "")


def test_status_of_a_suite_known_by_its_addresses(
    up: Run, suite: FakeSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = up("status", "--json").document
    assert {entry["health"] for entry in told["services"].values()} == {"SERVING"}
    monkeypatch.setenv("GRAFT_TRAINER", "127.0.0.1:1")
    done = up("status")
    assert done.code == 1
    assert "UNREACHABLE" in done.out


def test_up_without_the_suites_packages_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graft.local import plan

    monkeypatch.setitem(plan._NEEDED, "no_such_module", "TensorFlow")
    done = run("up", "--detach")
    assert (done.code, done.out) == (1, "")
    assert "pip install 'graft-suite[suite]'" in done.err


@pytest.mark.parametrize("how", [["--detach"], []])
def test_up_into_a_folder_that_cannot_be_written_names_it(
    run: Run, tmp_path: Path, how: list[str]
) -> None:
    (tmp_path / "file").touch()
    done = run("up", *how, "--data", tmp_path / "file" / "data")
    assert (done.code, done.out) == (1, "")
    assert f"cannot write {tmp_path}/file/data/logs" in done.err
    assert "choose another folder with --data" in done.err


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
