"""How good are heads of several labels an item, beside scikit-learn's one-against-the-rest?

    python -m benchmarks.multi_label

Two pictures of a shared set stand side by side and bear both labels: of the training pictures to
learn from, of the test pictures to be judged by. On the very embeddings the trainer's search is set
beside scikit-learn's OneVsRestClassifier of LogisticRegression with default settings, which answers
at one half, on the vectors of the last layer as they are and divided by their length. Means over
DRAWS draws, in points; `covered`: of how many draws the report's interval for a whole set of labels
holds the share of test items all of whose labels are answered and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from threadpoolctl import threadpool_limits

from benchmarks.pictures import BACKBONE, SHARED
from benchmarks.record import keep
from services.common.heads.base import Floats, l2_normalise
from services.embedder.engines.base import Engine, EngineOptions
from services.embedder.engines.choose import load_engine
from services.embedder.engines.runtime import configure
from services.embedder.preprocess import Preprocess
from services.trainer.evaluate.several import measure_several
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.run import SearchSettings, search

SETS: Final = ("clothing", "cifar10")
COUNTS: Final = (40, 150)
"""Items to learn from."""
TEST: Final = 300
DRAWS: Final = 5
_SIDE: Final = 224
_OPTIONS: Final = EngineOptions(threads=1, gpu_memory_mib=0)

Bools = NDArray[np.bool_]
Vectors = Mapping[str, Floats]


@dataclass(frozen=True)
class Draw:
    """Shares on the test items: ours, scikit-learn's on plain vectors and on those of length 1."""

    macro_f1: tuple[float, float, float]
    exact: tuple[float, float, float]
    reported_macro_f1: float
    covered: bool


class Mosaics:
    """Draws items of a set and embeds them."""

    def __init__(self, name: str, engine: Engine, preprocess: Preprocess) -> None:
        self._folder = SHARED / "data" / name
        self._engine = engine
        self._preprocess = preprocess
        found = (self._folder / "train").iterdir()
        self.labels = tuple(sorted(path.name for path in found if path.is_dir()))

    def draw(self, part: str, count: int, seed: int) -> tuple[Vectors, Bools]:
        """The vectors `[count, d]` of each endpoint, and the labels `[count, c]`. No picture is in
        two items, as long as there are others: held-out items would know those of a fold."""
        rng = np.random.default_rng([seed, part == "test"])
        borne = np.zeros((count, len(self.labels)), np.bool_)
        piles = [_shuffled(self._folder / part / label, rng) for label in self.labels]
        batches: list[dict[str, Floats]] = []
        left: list[NDArray[np.float32]] = []
        for item in range(count):
            pair = rng.integers(0, len(self.labels), 2)
            borne[item, pair] = True
            halves = [_square(next(piles[label])) for label in pair]
            left.append(self._preprocess(np.concatenate(halves, axis=1)))
            if len(left) in self._engine.sizes.sizes and (len(left) >= 8 or item == count - 1):
                batches.append(self._engine.run(np.stack(left), tuple(self._engine.dims)))
                left = []
        batches += [self._engine.run(one[None], tuple(self._engine.dims)) for one in left]
        joined = {name: np.concatenate([one[name] for one in batches]) for name in batches[0]}
        return joined, borne


def _shuffled(folder: Path, rng: np.random.Generator) -> Iterator[Path]:
    """The files of a folder in any order, over and over."""
    paths = sorted(folder.iterdir())
    return cycle([paths[at] for at in rng.permutation(len(paths))])


def _square(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        square = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        return np.asarray(square)


def measure(mosaics: Mosaics, count: int, seed: int) -> Draw:
    """One draw: fitted to `count` items, judged on TEST others."""
    train, borne = mosaics.draw("train", count, seed)
    test, truth = mosaics.draw("test", TEST, seed)
    bank = Bank(train, borne, mosaics.labels, np.arange(count))
    found = search(bank, SearchSettings(seed=seed))
    x = np.concatenate([test[name] for name in found.endpoints], axis=1)
    ours = found.head.answer(x).borne
    assert ours is not None
    assert found.held_out is not None
    told = measure_several(
        found.held_out.log_proba,
        borne[found.held_out.items],
        found.held_out.fold,
        mosaics.labels,
        items=found.held_out.items,
        train_share=found.held_out.train_share,
        optimism=found.optimism,
    )
    last, new = train[DEFAULT], test[DEFAULT]
    rivals = [_rival(last, borne, new), _rival(l2_normalise(last), borne, l2_normalise(new))]
    answers = [ours, *rivals]
    exact = [float((answer == truth).all(axis=1).mean()) for answer in answers]
    f1 = [float(f1_score(truth, one, average="macro", zero_division=0)) for one in answers]
    covered = told.accuracy.low <= exact[0] <= told.accuracy.high
    return Draw((f1[0], f1[1], f1[2]), (exact[0], exact[1], exact[2]), told.macro_f1, covered)


def _rival(x: Floats, borne: Bools, new: Floats) -> Bools:
    model = OneVsRestClassifier(LogisticRegression(max_iter=1000)).fit(x, borne.astype(int))
    return np.asarray(model.predict(new), np.bool_)


def main() -> None:
    """Measure, print and keep."""
    configure(_OPTIONS)
    height, width, _ = json.loads((BACKBONE / "metadata.json").read_text())["input_size"]
    engine = load_engine(BACKBONE, height=height, width=width, options=_OPTIONS, name=BACKBONE.name)
    preprocess = Preprocess(height, width, 0.0, 1.0)
    rows: dict[str, dict[str, object]] = {}
    with threadpool_limits(limits=1, user_api="blas"):
        for name in SETS:
            mosaics = Mosaics(name, engine, preprocess)
            for count in COUNTS:
                draws = [measure(mosaics, count, seed) for seed in range(DRAWS)]
                rows[f"{name}, {count} items"] = _row(draws)
    keep("multi_label", {"backbone": BACKBONE.name, "draws": DRAWS, "test_items": TEST, **rows})


def _row(draws: Sequence[Draw]) -> dict[str, object]:
    rivals = ("graft", "scikit_learn", "scikit_learn_unit")
    f1 = 100 * np.mean([draw.macro_f1 for draw in draws], axis=0)
    exact = 100 * np.mean([draw.exact for draw in draws], axis=0)
    return {
        "macro_f1": dict(zip(rivals, f1.round(1).tolist(), strict=True)),
        "exact": dict(zip(rivals, exact.round(1).tolist(), strict=True)),
        "reported_macro_f1": round(100 * float(np.mean([d.reported_macro_f1 for d in draws])), 1),
        "covered": sum(draw.covered for draw in draws),
    }


if __name__ == "__main__":
    main()
