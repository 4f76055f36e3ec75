"""The recipe from end to end, for one step of learning."""

from __future__ import annotations

import time
from pathlib import Path

from services.embedder.distill.course import Plan
from services.embedder.distill.run import teach
from services.embedder.distill.teacher import Teacher, listen
from tests.support.pupils import pictures, teacher
from tests.support.savedmodel import THREADS

PLAN = Plan(views=1, sizes=((0.0, 32),))


def nobody() -> Teacher:
    raise AssertionError("the teacher is opened, and has said all")


def test_a_teacher_that_has_said_all_is_not_opened(tmp_path: Path) -> None:
    assert THREADS
    given = pictures(tmp_path / "pictures")
    listen(
        tmp_path / "teacher",
        teacher(),
        given,
        views=PLAN.views,
        seed=PLAN.seed,
        enough=lambda: False,
        progress=lambda done, of: None,
    )
    until, told = time.monotonic(), []
    teach(nobody, given, PLAN, tmp_path, until=until, say=lambda what, share: told.append(what))
    assert [what.partition(",")[0] for what in told] == ["learning"]
