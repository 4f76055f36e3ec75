"""The recipe from end to end: pictures, what the teacher says of them, the course, the export."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from graft.errors import DeadlineExceeded
from services.embedder.distill.course import Course, Place, Plan
from services.embedder.distill.pictures import Pictures
from services.embedder.distill.teacher import Lessons, Teacher, heard, listen

if TYPE_CHECKING:
    from services.embedder.distill.student import Weights

TEACHER_SIDE: Final = 144
"""Pixels a side of what the teacher looks at where pictures have 64: it tells their classes apart
as well as at 224, at less than half the cost (tools/pretrain/README.md)."""
PRECISION: Final = "mixed_bfloat16"
"""Of learning: faster on CPUs and GPUs that have it; the weights are kept in float32."""
LISTENING_SHARE: Final = 0.25
"""Of the time: when that is spent, no further view is shown to the teacher."""

Say = Callable[[str, float], None]
"""Told the phase and the share of it that is done."""


def teach(
    teacher: Callable[[], Teacher],
    pictures: Pictures,
    plan: Plan,
    work: Path,
    *,
    start: Weights | None = None,
    until: float,
    say: Say,
) -> Any:
    """The student as a keras.Model, taught until time.monotonic() is `until`, from the weights
    `start` on or from a seed.

    All steps go on where they stopped in `work`; the teacher is opened if there is still something
    to ask it. Raises DeadlineExceeded when the teacher has not
    even seen each picture once by then.
    """
    began = time.monotonic()
    enough_at = began + LISTENING_SHARE * (until - began)

    def listening(done: int, of: int) -> None:
        say("listening to the teacher", done / of)
        if time.monotonic() >= until:
            text = "the teacher needs more time for the pictures; the same command goes on from"
            text = f"{text} here, a longer --budget ends it. Received: {done} of {of} views"
            raise DeadlineExceeded(text)

    lessons = heard(work / "teacher", len(pictures))
    if len(lessons.views) < plan.views:
        lessons = listen(
            work / "teacher",
            teacher(),
            pictures,
            views=plan.views,
            seed=plan.seed,
            enough=lambda: time.monotonic() >= enough_at,
            progress=listening,
        )
    taught, course = _course(lessons, pictures, plan, work, start)

    def learnt(place: Place, spent: float) -> None:
        say(f"learning, step {place.step}, loss {place.loss:.3f}", spent)

    course.run(until, learnt)
    return taught


def restored(lessons: Lessons, pictures: Pictures, work: Path) -> tuple[Any, Place]:
    """The student as `work` keeps it, and how far it has come."""
    taught, course = _course(lessons, pictures, Plan(), work, None)
    course.resume()
    return taught, course.place


def _course(
    lessons: Lessons, pictures: Pictures, plan: Plan, work: Path, start: Weights | None
) -> tuple[Any, Course]:
    # Imported here: Keras takes seconds to load, and its backend is chosen before.
    import keras

    from services.embedder.distill.lesson import Lesson
    from services.embedder.distill.student import Shape, put, student

    keras.mixed_precision.set_global_policy(PRECISION)
    try:
        taught = student(Shape(), seed=plan.seed)
        if start is not None:
            put(taught, start)
        lesson = Lesson(taught, lessons, len(pictures.classes))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    return taught, Course(lesson, pictures, lessons, plan, work / "course")
