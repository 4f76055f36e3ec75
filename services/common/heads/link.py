"""From logits to probabilities: one label an item, or each label by itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from services.common.heads.base import Floats, log_sigmoid, log_softmax, softmax


class Link(Protocol):
    """What the logits `[n, c]` of a head mean."""

    def proba(self, logits: Floats) -> Floats:
        """Probabilities, float32 `[n, c]`."""

    def log_proba(self, logits: Floats) -> Floats:
        """Their logarithms, float32 `[n, c]`."""

    def odds(self, logits: Floats) -> Floats:
        """Log of p / (1 - p) for the most probable label, float32 `[n]`.

        Unlike p itself it still tells apart answers of which the head is all but certain.
        """


class Softmax:
    """One of c > 1 labels an item: the softmax of its logits."""

    def proba(self, logits: Floats) -> Floats:
        return softmax(logits)

    def log_proba(self, logits: Floats) -> Floats:
        return log_softmax(logits)

    def odds(self, logits: Floats) -> Floats:
        best = logits.argmax(axis=1)[:, None]
        top = np.take_along_axis(logits, best, axis=1)
        others = logits - top
        np.put_along_axis(others, best, -np.inf, axis=1)
        runner = others.max(axis=1, keepdims=True)
        rest = runner[:, 0] + np.log(np.exp(others - runner).sum(axis=1))
        return np.asarray(-rest, dtype=np.float32)


class Logistic:
    """Any of c labels an item, none included: the logistic function of each logit."""

    def proba(self, logits: Floats) -> Floats:
        return np.asarray(np.exp(log_sigmoid(logits)))

    def log_proba(self, logits: Floats) -> Floats:
        return log_sigmoid(logits)

    def odds(self, logits: Floats) -> Floats:
        return np.asarray(logits.max(axis=1))


SOFTMAX = Softmax()
LOGISTIC = Logistic()
