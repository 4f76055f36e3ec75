"""What the student is taught: to say what the teacher says, in its own words.

The loss of a batch of views is the sum of

- 1 - cosine of what a linear map makes of the student's vector and the teacher's standardised one
  (a plain cosine is ruled by the few numbers that are large);
- half as much of the same for the pooled maps of stride 16;
- the Kullback-Leibler divergence of who resembles whom in the batch: softmax over the cosines of a
  view with the others, divided by TEMPERATURE (as in SEED, Fang et al. 2021). The student's
  vectors enter as they are, since it is their angles that a head separates;
- half the cross-entropy of the classes of the pictures in the view, where pictures have one.
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
from keras import layers, ops

from services.embedder.distill.student import LAST
from services.embedder.distill.teacher import MIDDLE, Lessons
from services.embedder.engines.base import DEFAULT

TEMPERATURE: Final = 0.1
_MIDDLE_WEIGHT: Final = 0.5
_LIKENESS_WEIGHT: Final = 0.5
_CLASS_WEIGHT: Final = 0.5
_SELF: Final = 1e4


class Lesson(keras.Model):  # type: ignore[misc]
    """The student with the linear maps that only training needs.

    Takes images; `y` is {endpoint: the teacher's, `classes`: shares [N, classes]}.
    """

    def __init__(self, student: Any, lessons: Lessons, classes: int) -> None:
        super().__init__()
        self.student = student
        self._spread = lessons.spread()
        self._maps = {name: _dense(dim) for name, dim in lessons.dims.items()}
        self._classify = _dense(classes) if classes else None
        self._mean = layers.GlobalAveragePooling2D(dtype="float32")

    def call(self, images: Any, training: bool = False) -> dict[str, Any]:
        """What the student says: `vector` and, for each endpoint and the classes, its answer."""
        maps = self.student(images, training=training)
        vector, middle = self._mean(maps[LAST]), self._mean(maps[MIDDLE])
        said = {
            name: each(middle if name == MIDDLE else vector) for name, each in self._maps.items()
        }
        if self._classify is not None:
            said["classes"] = self._classify(vector)
        return {**said, "vector": vector}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The sum that the module's docstring tells."""
        wanted = {name: self._standard(name, y[name]) for name in self._maps}
        loss = _distance(wanted[DEFAULT], y_pred[DEFAULT])
        if MIDDLE in wanted:
            loss += _MIDDLE_WEIGHT * _distance(wanted[MIDDLE], y_pred[MIDDLE])
        loss += _LIKENESS_WEIGHT * _unlikeness(wanted[DEFAULT], y_pred["vector"])
        if self._classify is not None:
            entropy = keras.losses.categorical_crossentropy(
                y["classes"], y_pred["classes"], from_logits=True
            )
            loss += _CLASS_WEIGHT * ops.mean(entropy)
        return loss

    def _standard(self, name: str, rows: Any) -> Any:
        mean, deviation = self._spread[name]
        return (ops.cast(rows, "float32") - mean) / deviation


def targets(lessons: Lessons, number: int, rows: Any) -> dict[str, Any]:
    """What the teacher says of these rows of a view."""
    return {name: np.asarray(each[rows]) for name, each in lessons.views[number].items()}


def _dense(dim: int) -> Any:
    return layers.Dense(dim, dtype="float32")


def _distance(wanted: Any, said: Any) -> Any:
    return 1.0 - ops.mean(ops.sum(_unit(wanted) * _unit(said), axis=-1))


def _unlikeness(wanted: Any, vector: Any) -> Any:
    theirs, own = (_log_likeness(each) for each in (wanted, vector))
    return ops.mean(ops.sum(ops.exp(theirs) * (theirs - own), axis=-1))


def _log_likeness(vectors: Any) -> Any:
    """[N, N]: the logarithm of how much each resembles each other one; itself left out."""
    unit = _unit(vectors)
    cosines = ops.matmul(unit, ops.transpose(unit)) / TEMPERATURE
    cosines -= _SELF * ops.eye(ops.shape(cosines)[0], dtype="float32")
    return ops.log_softmax(cosines, axis=-1)


def _unit(vectors: Any) -> Any:
    return ops.normalize(vectors, axis=-1)
