"""The course: rates and sizes by the time that is spent, and going on where it was broken off."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest

from services.embedder.distill.course import BATCH, Course, Place, Plan, _Ahead
from services.embedder.distill.lesson import Lesson
from services.embedder.distill.pictures import Pictures
from services.embedder.distill.teacher import Lessons
from tests.support.pupils import CLASSES, COUNT, pictures
from tests.support.small_student import small

PLAN = Plan(views=1, sizes=((0.0, 32),))
LONG_S = 600.0


class Halt(Exception):
    """The process is told to stop."""


def course(work: Path) -> Course:
    given = pictures(work / "pictures")
    numbers = np.random.default_rng(0).normal(size=(COUNT, 6)).astype(np.float16)
    lessons = Lessons(({"default": numbers},))
    return Course(Lesson(small(), lessons, CLASSES), given, lessons, PLAN, work / "course")


def run(taught: Course, steps: int) -> None:
    """Halted when so many steps are made."""

    def progress(place: Place, spent: float) -> None:
        if place.step >= steps:
            raise Halt

    with pytest.raises(Halt):
        taught.run(time.monotonic() + LONG_S, progress)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    plan = Plan(rate=1.0, warm_up=0.1, decay=0.4)
    rates = [plan.rate_at(spent) for spent in (0.0, 0.05, 0.1, 0.3, 0.6, 0.8, 1.0, 1.2)]
    assert np.allclose(rates, [0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0])


def test_views_grow_when_their_share_of_the_time_is_spent() -> None:
    plan = Plan(sizes=((0.0, 64), (0.5, 80), (0.8, 96)))
    assert [plan.size_at(spent) for spent in (0.0, 0.49, 0.5, 0.79, 0.8, 1.0)] == [
        64, 64, 80, 80, 96, 96
    ]  # fmt: skip


def test_a_course_ends_when_its_time_is_up(tmp_path: Path) -> None:
    taught, told = course(tmp_path), []
    taught.run(time.monotonic(), lambda place, spent: told.append(place.step))
    assert told
    assert (tmp_path / "course" / "place.json").exists()


def test_a_halted_course_keeps_its_state_and_goes_on_from_there(tmp_path: Path) -> None:
    first = course(tmp_path)
    run(first, 3)
    second = course(tmp_path)
    second.resume()
    assert second.place.step == 3
    assert second.place.seconds == pytest.approx(first.place.seconds)
    both = zip(first._lesson.get_weights(), second._lesson.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in both)
    assert int(second._lesson.optimizer.iterations) == 3


def test_batches_go_on_where_they_would_have_gone_on(tmp_path: Path) -> None:
    whole, later = course(tmp_path), course(tmp_path)
    later.place.step = 3
    one = next(itertools.islice(whole._batches(lambda: 32), 3, None))
    other = next(later._batches(lambda: 32))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1]["default"], other[1]["default"])


def test_a_pass_shows_every_picture_once(tmp_path: Path) -> None:
    batches = list(itertools.islice(course(tmp_path)._batches(lambda: 32), COUNT // BATCH))
    assert sum(len(images) for images, _ in batches) == COUNT
    numbers = np.concatenate([wanted["default"] for _, wanted in batches])
    assert len(np.unique(numbers, axis=0)) == COUNT


def test_classes_are_wanted_in_the_shares_of_a_view(tmp_path: Path) -> None:
    _, wanted = next(course(tmp_path)._batches(lambda: 32))
    assert wanted["classes"].shape == (BATCH, CLASSES)
    assert np.allclose(wanted["classes"].sum(axis=1), 1.0, atol=1e-5)


def test_pictures_without_a_class_want_none(tmp_path: Path) -> None:
    taught = course(tmp_path)
    given = taught._pictures
    taught._pictures = Pictures(given.pixels, np.full(COUNT, -1), ())
    _, wanted = next(taught._batches(lambda: 32))
    assert "classes" not in wanted


def test_what_goes_wrong_while_rendering_is_told() -> None:
    def broken(size: object) -> object:
        raise OSError("the disk is gone")

    ahead = _Ahead(broken)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="the disk is gone"):
        ahead.take()
    ahead.close()
