"""`graft jobs`: list, show, watch, cancel."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command import Run
from tests.support.fake_suite import FakeSuite


def test_a_job_that_was_cancelled_is_a_failure(up: Run, suite: FakeSuite, images: Path) -> None:
    suite.world.hold_jobs = True
    job = up("train", images, "--model", "hues", "--no-wait", "--json").document["name"]
    assert up("jobs", "cancel", job, "--json").document["state"] == "CANCELLED"
    done = up("jobs", "watch", job, "--json")
    assert done.code == 1
    assert [json.loads(line)["revision"] for line in done.out.splitlines()] == [1, 2, 3, 4, 5]
    assert "was cancelled" in done.err


def test_a_job_that_keeps_its_best_is_no_failure(up: Run, suite: FakeSuite, images: Path) -> None:
    suite.world.hold_jobs = True
    job = up("train", images, "--model", "hues", "--no-wait", "--json").document["name"]
    assert "graft jobs watch" in up("jobs", "cancel", job, "--keep-best").out
    assert up("jobs", "watch", job).code == 0
    assert up("jobs", "cancel", job, "--keep-best", "--json").document["state"] == "SUCCEEDED"


def test_jobs(trained: Run) -> None:
    assert "SUCCEEDED" in trained("jobs", "list").out
    job = trained("jobs", "list", "--json").document[0]["name"].rpartition("/")[2]
    assert "succeeded" in trained("jobs", "watch", job).out
    assert "accuracy 90.0%" in trained("jobs", "show", job).out
    assert trained("jobs", "cancel", job).code == 1
