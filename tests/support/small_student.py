"""A student of the real kind that learns in no time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from services.embedder.distill.student import Shape, student
from tests.support.savedmodel import THREADS

SMALL: Final = Shape((8, 8, 16, 16, 24))
CONFIGURED: Final = THREADS
"""TensorFlow is set up before Keras uses it."""


def small(seed: int = 0) -> Any:
    """With normalisations that have seen something: none of their numbers are 0 or 1."""
    made = student(SMALL, seed=seed)
    rng = np.random.default_rng(seed)
    for variable in made.variables:
        if len(variable.shape) == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return made
