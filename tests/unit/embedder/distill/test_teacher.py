"""Listening to a teacher: every view once, going on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.embedder.distill import augmentation
from services.embedder.distill.teacher import Lessons, Teacher, listen, open_teacher
from tests.support.engines import SIDE as ENGINE_SIDE
from tests.support.engines import FakeEngine
from tests.support.pupils import COUNT, pictures, teacher
from tests.support.savedmodel import save


def heard(work: Path, master: Teacher, *, views: int, enough: bool = False) -> Lessons:
    return listen(
        work / "teacher",
        master,
        pictures(work / "pictures"),
        views=views,
        seed=0,
        enough=lambda: enough,
        progress=lambda done, of: None,
    )


def test_lessons_are_what_the_teacher_says_of_each_view(tmp_path: Path) -> None:
    lessons, master = heard(tmp_path, teacher(), views=2), teacher()
    given, rows = pictures(tmp_path / "pictures"), np.arange(COUNT)
    assert lessons.dims == {"default": 6}
    for number in range(2):
        drawn = augmentation.draw(COUNT, number, seed=0)
        images = drawn.render(given, rows, (ENGINE_SIDE, ENGINE_SIDE))
        wanted = master.say(images, ("default",))["default"]
        assert np.allclose(lessons.views[number]["default"], wanted, atol=0.01)


def test_what_was_heard_is_not_asked_again(tmp_path: Path) -> None:
    heard(tmp_path, teacher(), views=1)
    engine = FakeEngine()
    heard(tmp_path, Teacher(engine), views=2)
    assert sum(engine.batches) == COUNT


def test_it_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    first = heard(tmp_path / "whole", teacher(), views=2)
    engine = FakeEngine()
    asked = []

    def run(batch: object) -> None:
        asked.append(batch)
        if len(asked) == 40:
            raise KeyboardInterrupt

    engine.on_run = run
    with pytest.raises(KeyboardInterrupt):
        heard(tmp_path / "broken", Teacher(engine), views=2)
    again = heard(tmp_path / "broken", teacher(), views=2)
    for one, other in zip(first.views, again.views, strict=True):
        assert np.array_equal(one["default"], other["default"])


def test_no_further_view_is_begun_once_that_is_enough(tmp_path: Path) -> None:
    assert len(heard(tmp_path, teacher(), views=3, enough=True).views) == 1


def test_a_teacher_is_given_the_range_that_it_takes() -> None:
    images = np.random.default_rng(0).random((3, ENGINE_SIDE, ENGINE_SIDE, 3), dtype=np.float32)
    plain, shifted = Teacher(FakeEngine()), Teacher(FakeEngine(), -1.0, 1.0)
    wanted = plain.say(images * 2 - 1, ("default",))["default"]
    assert np.allclose(shifted.say(images, ("default",))["default"], wanted, atol=1e-5)


def test_numbers_that_never_change_have_a_spread_all_the_same() -> None:
    lessons = Lessons(({"default": np.ones((10, 2), np.float16)},))
    mean, deviation = lessons.spread()["default"]
    assert np.array_equal(mean, [1, 1])
    assert (deviation > 0).all()


def test_a_saved_model_is_opened_as_a_teacher(tmp_path: Path) -> None:
    size = (ENGINE_SIDE, ENGINE_SIDE)
    found = open_teacher(save(tmp_path / "tiny"), size, (0.0, 1.0), threads=1)
    images = np.random.default_rng(0).random((3, *size, 3), dtype=np.float32)
    wanted = Teacher(FakeEngine()).say(images, ("default",))["default"]
    said = found.say(images, ("default",))["default"]
    assert found.size == size
    assert np.allclose(said, wanted, atol=0.05)  # bfloat16 where the CPU has it
