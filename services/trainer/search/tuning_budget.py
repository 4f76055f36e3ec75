"""Whether the budget allows tuning, told before TensorFlow is imported and a map fetched. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.trainer.search.tuning import Costs, Verdict

USUAL = Costs(step_s=0.0066, forward_s=0.0022)
"""Of one example of 224 x 224 pixels through the last stage of mobilenet_v2_100_224, two busy
cores: 92 s for 250 examples, of which benchmarks/results/tuning.json has three draws (clothing, 25
a class) with 93, 95 and 198 s; measured apart they were 0.0061 to 0.0074 and 0.0021 to 0.0024.
Jobs with such draws tuned in 103 s where 109 s are expected (250 examples), in 22 and 27 s where
42 s are (50 examples).
"""
USUAL_PIXELS = 224 * 224
FETCH_S = 0.015
"""For the map of one view of one such example, where the embedder has the same two cores."""
USUAL_TEXT = Costs(step_s=0.004, forward_s=0.001)
"""Of one short text through the last four of six layers of MiniLM, two quiet cores: benchmarks/
results/texts.json has 16 to 26 s for 48 texts where 26 s are expected, 9 to 15 s for 16 where 15 s
are. What it takes in truth is measured before the folds begin."""
START_S = 10.0
"""For importing TensorFlow, for making the graphs and for the first map. It was 21 s where eleven
processes shared the two cores; half of that is counted, for a machine that does nothing else."""
BATCH = 80
"""Examples of a step, about: that of fitters/tail.py, which cannot be asked without TensorFlow."""
SHARE = 0.8
"""Of what is left of the budget when the search has ended, for tuning; the rest is for the
report."""


@dataclass(frozen=True)
class Budget:
    """What a job may spend on tuning. `stated`: its spec names a budget, or tuning is usual;
    `spent_s`: what it has taken before; `left_s`: what is left for tuning."""

    stated: bool
    spent_s: float
    left_s: float


def expected_s(n: int, views: int, pixels: int) -> float:
    """About how many seconds tuning takes on n pictures of so many pixels."""
    large = pixels / USUAL_PIXELS
    return START_S + large * (USUAL.trial_s(n, views, BATCH) + n * views * FETCH_S)


def expected_of_texts_s(n: int) -> float:
    """About how many seconds tuning takes on n short texts."""
    return START_S + USUAL_TEXT.trial_s(n, 1, BATCH)


def affordable(seconds: float, budget: Budget) -> Verdict:
    """Whether tuning, which would take about so long, fits; if not, what would allow it."""
    if budget.stated and seconds <= budget.left_s:
        return Verdict(True, "")
    left = f", {max(0.0, budget.left_s):.0f} s are left" if budget.stated else ""
    needed = budget.spent_s + seconds / SHARE
    return Verdict(
        False,
        f"not tried: it would take about {seconds:.0f} s{left};"
        f" `--budget {_round(needed)}` allows it",
    )


def _round(seconds: float) -> str:
    """A time of minutes, not shorter, as the command line takes it."""
    return f"{math.ceil(seconds / 60)}m"
