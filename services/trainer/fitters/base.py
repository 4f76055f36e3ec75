"""What every fitter says and how it fails. A fitter is a function: arrays in, heads out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]


class FitError(Exception):
    """A fit came to nothing; the search makes it a row of its table, never a crash."""
