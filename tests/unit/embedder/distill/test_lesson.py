"""The loss: nothing where the student says what the teacher says, and less of it after learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.embedder.distill import lesson as lessons_of
from services.embedder.distill.lesson import Lesson, targets
from services.embedder.distill.teacher import Lessons
from tests.support.small_student import SMALL, small

DIMS = {"default": 6, "stride16": 5}
ROWS = np.arange(8)


@pytest.fixture
def lessons() -> Lessons:
    rng = np.random.default_rng(0)
    view = {name: rng.normal(3.0, 2.0, (8, dim)).astype(np.float16) for name, dim in DIMS.items()}
    return Lessons((view,))


def wanted(lessons: Lessons, classes: int) -> dict[str, Any]:
    shares = np.eye(classes, dtype=np.float32)[ROWS % classes] if classes else None
    return {**targets(lessons, 0, ROWS), **({} if shares is None else {"classes": shares})}


def standard(lessons: Lessons, name: str) -> NDArray[np.float32]:
    mean, deviation = lessons.spread()[name]
    return (lessons.views[0][name].astype(np.float32) - mean) / deviation


def test_saying_what_the_teacher_says_costs_nothing(lessons: Lessons) -> None:
    said = {name: 3.0 * standard(lessons, name) for name in DIMS}
    said["vector"] = 0.5 * standard(lessons, "default")
    loss = Lesson(small(), lessons, 0).compute_loss(y=wanted(lessons, 0), y_pred=said)
    assert abs(float(loss)) < 1e-5


@pytest.mark.parametrize("name", ["default", "stride16", "vector"])
def test_saying_something_else_costs(lessons: Lessons, name: str) -> None:
    said = {end: standard(lessons, end) for end in DIMS}
    said["vector"] = standard(lessons, "default")
    said[name] = said[name][::-1]
    loss = Lesson(small(), lessons, 0).compute_loss(y=wanted(lessons, 0), y_pred=said)
    assert float(loss) > 0.05


def test_classes_cost_the_entropy_of_what_is_said_of_them(lessons: Lessons) -> None:
    said = {name: standard(lessons, name) for name in DIMS}
    said |= {"vector": said["default"], "classes": np.zeros((8, 4), np.float32)}
    loss = Lesson(small(), lessons, 4).compute_loss(y=wanted(lessons, 4), y_pred=said)
    assert abs(float(loss) - 0.5 * np.log(4)) < 1e-4


def test_who_resembles_whom_is_a_share_of_each_but_itself() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    shares = np.exp(np.asarray(lessons_of._log_likeness(vectors)))
    assert np.allclose(shares.sum(axis=1), 1.0, atol=1e-5)
    assert np.allclose(np.diag(shares), 0.0)


def test_a_lesson_is_learnt(lessons: Lessons) -> None:
    import keras

    keras.utils.set_random_seed(0)
    taught = Lesson(small(), lessons, 4)
    taught.compile(keras.optimizers.AdamW(3e-3))
    images = np.random.default_rng(1).random((8, 64, 64, 3), dtype=np.float32)
    losses = [float(taught.train_on_batch(images, wanted(lessons, 4))) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_it_says_a_vector_of_its_own_length(lessons: Lessons) -> None:
    said = Lesson(small(), lessons, 0)(np.zeros((2, 64, 64, 3), np.float32))
    assert {name: value.shape[1] for name, value in said.items()} == {**DIMS, "vector": SMALL.dim}
