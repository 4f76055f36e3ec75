"""The course: how long, how fast and at which size the student learns.

All is tied to the share of the time that is spent, not to steps: however busy the machine is, or
however long the process was halted, the rate of learning has fallen to nothing when time is up
(warm-up, stable, decay; Hu et al., "MiniCPM", 2024). The first part is learnt at half the cost on
smaller views (progressive resizing), the last at the size that the network will serve at.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.embedder.distill import augmentation
from services.embedder.distill.lesson import targets
from services.embedder.distill.pictures import Pictures
from services.embedder.distill.teacher import Lessons

BATCH: Final = 128
_AHEAD: Final = 4
_KEEP_S: Final = 120.0
_LEAST_S: Final = 1.0
_WEIGHTS, _PLACE = "student.weights.h5", "place.json"

Batch = tuple[NDArray[np.float32], dict[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How often a picture is looked at anew, sizes of views with the share of the time at which
    each begins, and rates of learning."""

    views: int = 3
    sizes: tuple[tuple[float, int], ...] = ((0.0, 64), (0.85, 96))
    rate: float = 1e-3
    warm_up: float = 0.03
    decay: float = 0.6
    seed: int = 0

    def rate_at(self, spent: float) -> float:
        """The rate of learning when this share of the time is spent: up, level, down to 0."""
        rising, falling = spent / self.warm_up, (1.0 - spent) / self.decay
        return self.rate * max(min(1.0, rising, falling), 0.0)

    def size_at(self, spent: float) -> int:
        """The side of the views when this share of the time is spent."""
        return [size for begins, size in self.sizes if begins <= spent][-1]


@dataclass(slots=True)
class Place:
    """How far a course is: what a kept state tells beside the weights."""

    step: int = 0
    seconds: float = 0.0
    loss: float = 0.0


Progress = Callable[[Place, float], None]
"""Told the place and the share of the time that is spent, now and then."""


class Course:
    """Teaches a Lesson in `folder`, where its state is kept every two minutes."""

    def __init__(
        self, lesson: Any, pictures: Pictures, lessons: Lessons, plan: Plan, folder: Path
    ) -> None:
        self._lesson, self._plan, self._folder = lesson, plan, folder
        self._pictures, self._lessons = pictures, lessons
        self.place = Place()

    def run(self, until: float, progress: Progress) -> None:
        """Learns until time.monotonic() is `until`, one step at least.

        Goes on from the kept state where there is one, and keeps its own however it ends.
        """
        self.resume()
        began = time.monotonic() - self.place.seconds
        kept, whole = time.monotonic(), max(until - began, _LEAST_S)
        batches = _Ahead(self._batches)
        try:
            spent = self.place.seconds / whole
            while spent < 1.0 or not self.place.step:
                batches.size = self._plan.size_at(spent)
                self._step(batches.take(), self._plan.rate_at(spent))
                self.place.seconds = time.monotonic() - began
                spent = self.place.seconds / whole
                progress(self.place, min(spent, 1.0))
                if time.monotonic() - kept > _KEEP_S:
                    self._keep()
                    kept = time.monotonic()
        finally:
            batches.close()
            self._keep()

    def resume(self) -> None:
        """Takes up the kept state where there is one."""
        self._build()
        if (self._folder / _PLACE).exists():
            self._lesson.load_weights(self._folder / _WEIGHTS)
            self.place = Place(**json.loads((self._folder / _PLACE).read_text()))

    def _step(self, batch: Batch, rate: float) -> None:
        self._lesson.optimizer.learning_rate.assign(rate)
        loss = float(self._lesson.train_on_batch(*batch))
        place = self.place
        place.loss = 0.98 * place.loss + 0.02 * loss if place.step else loss
        place.step += 1

    def _build(self) -> None:
        import keras

        optimizer = keras.optimizers.AdamW(
            self._plan.rate, weight_decay=0.05, global_clipnorm=1.0, epsilon=1e-7
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._lesson.compile(optimizer, jit_compile="auto")
        size = self._plan.size_at(0.0)
        self._lesson(np.zeros((2, size, size, 3), np.float32))
        optimizer.build(self._lesson.trainable_variables)

    def _batches(self, size: Callable[[], int]) -> Iterator[Batch]:
        """Batches from the place on: views in turn, each passed through in an order of its own."""
        count, views = len(self._pictures), len(self._lessons.views)
        each = count // BATCH
        step = self.place.step
        while True:
            epoch = step // each
            rng = np.random.default_rng([self._plan.seed, epoch])
            order, mirrored = rng.permutation(count), rng.random(count) < 0.5
            drawn = augmentation.draw(count, epoch % views, seed=self._plan.seed)
            for at in range(step % each, each):
                rows = np.sort(order[at * BATCH : (at + 1) * BATCH])
                images = drawn.render(self._pictures, rows, (size(), size()))
                images[mirrored[rows]] = images[mirrored[rows], :, ::-1]
                yield images, self._wanted(drawn, epoch % views, rows)
                step += 1

    def _wanted(
        self, drawn: augmentation.Views, view: int, rows: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        wanted = targets(self._lessons, view, rows)
        classes = len(self._pictures.classes)
        if classes:
            labels, shares = self._pictures.labels[drawn.who[rows]], drawn.shares(rows)
            wanted["classes"] = np.zeros((len(rows), classes + 1), np.float32)
            for part in range(labels.shape[1]):  # -1, no class, falls into the column cut off
                np.add.at(
                    wanted["classes"], (np.arange(len(rows)), labels[:, part]), shares[:, part]
                )
            wanted["classes"] = wanted["classes"][:, :classes]
        return wanted

    def _keep(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f"unfinished.{_WEIGHTS}"
        self._lesson.save_weights(unfinished)
        unfinished.replace(self._folder / _WEIGHTS)
        place = {"step": self.place.step, "seconds": self.place.seconds, "loss": self.place.loss}
        (self._folder / _PLACE).write_text(json.dumps(place))


class _Ahead:
    """Renders batches in a thread, at most _AHEAD of them before they are asked for."""

    def __init__(self, batches: Callable[[Callable[[], int]], Iterator[Batch]]) -> None:
        self.size = 0
        self._waiting: queue.Queue[Batch | BaseException] = queue.Queue(_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(batches,), daemon=True)

    def take(self) -> Batch:
        """The next batch; raises what went wrong in the thread."""
        if not self._thread.is_alive() and not self._closed.is_set():
            self._thread.start()
        found = self._waiting.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """Ends the thread and waits for it."""
        self._closed.set()
        while self._thread.is_alive():
            try:
                self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue

    def _fill(self, batches: Callable[[Callable[[], int]], Iterator[Batch]]) -> None:
        try:
            for batch in batches(lambda: self.size):
                self._waiting.put(batch)
                if self._closed.is_set():
                    return
        except BaseException as error:
            self._waiting.put(error)
