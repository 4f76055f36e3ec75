"""How many labels `graft detect-assist` spares: `python -m benchmarks.detect_assist`.

Simulated on the raccoons of the shared data, whose training pictures play the unlabelled ones. A
detector is trained on a few that are drawn at random; then pictures are added twice, at random or
those that come first by graft.detection.teaching when the detector of the round before is asked.
Mean average precision at IoU 0.5 (COCO's) on the test pictures by the number of pictures labelled,
a mean over draws, and how many pictures the order needs, by a straight line between the rounds, for
what the random choice reaches with most.

`--rest` chooses among part of the training pictures and scores on the others: for choices, in which
the test pictures shall have no part. `--folds 2` trains two networks in the place of five, which is
faster and somewhat worse.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection import (
    BACKBONE,
    OPTIONS,
    Local,
    Photos,
    read_photos,
    score_photos,
    see_photos,
    train_on,
)
from benchmarks.pictures import SHARED
from benchmarks.record import keep
from graft.detection.teaching import Guess, teaching_order, worths
from services.common.detector.detector import Detector, Found
from services.common.image import decode_picture
from services.common.store import Store, open_store
from services.embedder.engines.choose import load_engine
from services.embedder.engines.runtime import configure
from services.embedder.preprocess import Preprocess
from services.trainer.detection import training
from services.trainer.detection.training import Lesson, answer_pictures

SIZES: Final = (10, 17, 25)
"""Pictures labelled: drawn at random first, then after each round."""
DRAWS: Final = 3
POOL: Final = 100
"""Training pictures that are chosen among with `--rest`; the others are scored on."""
SIDE: Final = 224


class Draw:
    """One draw: trains on some of the photos and scores on others; its maps are in one store."""

    def __init__(self, store: Store, photos: Photos, test: Photos, seed: int) -> None:
        self._store = store
        self._client = Local(SHARED / "backbones" / BACKBONE)
        self._photos = photos
        self._test = test
        self._seed = seed

    def trained(self, numbers: Sequence[int]) -> tuple[Lesson, Detector]:
        """A detector of these pictures."""
        lesson = see_photos(self._store, self._client, self._photos.part(numbers), self._seed)
        return lesson, train_on(lesson, self._seed).detector

    def score(self, model: tuple[Lesson, Detector]) -> float:
        """Its mean average precision at IoU 0.5."""
        return score_photos(self._asked(self._test, model[0]), model[1])[0]

    def guesses(self, model: tuple[Lesson, Detector], numbers: Sequence[int]) -> list[Guess]:
        """What it answers to pictures without labels."""
        lesson, detector = model
        asked = self._asked(self._photos.part(numbers), lesson)
        found = answer_pictures(asked, detector, np.arange(len(numbers)))
        return [_guess(found[n], detector) for n in range(len(numbers))]

    def _asked(self, photos: Photos, lesson: Lesson) -> Lesson:
        return see_photos(self._store, self._client, photos, self._seed, plan_of=lesson)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rest", action="store_true")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--folds", type=int, default=training.FOLDS)
    asked = parser.parse_args()
    training.FOLDS = asked.folds  # type: ignore[misc]
    configure(OPTIONS)
    photos, test = read_photos("train"), read_photos("test")
    vectors, rows = vectors_of(photos), []
    for seed in range(asked.draws):
        began = time.monotonic()
        order = np.random.default_rng(seed).permutation(len(photos.files)).tolist()
        pool = order[:POOL] if asked.rest else order
        scored = photos.part(order[POOL:]) if asked.rest else test
        with tempfile.TemporaryDirectory() as folder, open_store(f"file://{folder}", {}) as store:
            row = _grown(Draw(store, photos, scored, seed), pool, vectors)
        rows.append({"seed": seed, **row, "seconds": round(time.monotonic() - began)})
        print(json.dumps(rows[-1]), flush=True)
        if not asked.rest:
            keep_draws(rows, networks=asked.folds)  # each time: a run may be cut short
    print(json.dumps(_means(rows)))


def keep_draws(rows: Sequence[dict[str, Any]], *, networks: int) -> None:
    """Keep the draws so far with their means."""
    figures = {"sizes": SIZES, "means": _means(rows), "draws": rows, "networks": networks}
    keep("detect_assist", {"backbone": BACKBONE, "set": "raccoon", **figures})


def _grown(draw: Draw, pool: Sequence[int], vectors: NDArray[np.float64]) -> dict[str, Any]:
    """Mean average precision after each round, of a random choice and of the order."""
    first = draw.trained(pool[: SIZES[0]])
    start = round(draw.score(first), 4)
    found = {"random": [start], "ordered": [start]}
    for size in SIZES[1:]:
        found["random"].append(round(draw.score(draw.trained(pool[:size])), 4))
    taken, model = list(pool[: SIZES[0]]), first
    for size in SIZES[1:]:
        rest = [number for number in pool if number not in taken]
        order = teaching_order(worths(draw.guesses(model, rest)), vectors[rest])
        taken += [rest[place] for place in order[: size - len(taken)].tolist()]
        model = draw.trained(taken)
        found["ordered"].append(round(draw.score(model), 4))
    return dict(found)


def _means(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    means = {
        name: np.mean([row[name] for row in rows], axis=0).round(4).tolist()
        for name in ("random", "ordered")
    }
    wanted = means["random"][-1]
    # The first round that reaches it, and a straight line from the one before.
    reached = np.interp(wanted, np.maximum.accumulate(means["ordered"]), SIZES)
    spared = 1 - float(reached) / SIZES[-1] if means["ordered"][-1] >= wanted else None
    return {**means, "spared": None if spared is None else round(spared, 3)}


def _guess(found: Found, detector: Detector) -> Guess:
    """What the predictor would answer: given from the threshold of the label on, else doubtful."""
    given = found.scores >= detector.thresholds[found.labels]
    scores = found.scores.astype(np.float64)
    return Guess(scores[given], found.unknown[given], scores[~given])


def vectors_of(photos: Photos) -> NDArray[np.float64]:
    """The vector of each picture, [n, dim], as the embedder answers them."""
    engine = load_engine(
        SHARED / "backbones" / BACKBONE, height=SIDE, width=SIDE, options=OPTIONS, name=BACKBONE
    )
    intake, rows = Preprocess(SIDE, SIDE, 0.0, 1.0), []
    for data in photos.files:
        picture = intake(decode_picture(data, size_hint=intake.size_hint))
        rows.append(engine.run(picture[None], ["default"])["default"][0])
    return np.stack(rows).astype(np.float64)


if __name__ == "__main__":
    main()
