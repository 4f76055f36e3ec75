"""Does one model over pictures and words know more than either part alone, also if one is missing?

    python -m benchmarks.joint

A class is a class of a shared picture set together with one of a shared text set, so that either
part alone leaves the other half of the answer open. Each draw takes CLASSES of both at random and
PER_CLASS items of each pair from the training halves, no picture and no text twice, and asks about
TEST items of the test halves. On the same embeddings are set side by side, in % of test items whose
class is answered right, means over the draws: the search as a job runs it on both parts, and on
either alone; scikit-learn's logistic regression with default settings on the two vectors as they
are, one behind the other, and on each divided by its length first.

Then one part of every test item is missing: the half of the answer that the other part can tell is
counted, with the mean of the examples standing in for what is missing, as a job has it, and with
zeros; beside it a model of that part alone, whose answers are of classes, too. `flagged`: how many
of the test items, all of known classes, are answered `unknown`, with both parts and with one. Last,
LACKING of the training items lack one part or the other. `covered`: of how many draws the report's
interval holds the accuracy on the test items.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks import embed_sets
from benchmarks.feature_files import FeatureFile, Indices, read_all
from benchmarks.pictures import SHARED
from benchmarks.record import keep
from graft.names import BackboneName
from services.common.backbones.catalogue import Cache
from services.common.heads.base import Answers, Floats, l2_normalise
from services.common.heads.blocks import Blocks
from services.common.heads.head import Head
from services.common.store.file import FileStore
from services.embedder.backbones import bundled
from services.embedder.engines.base import EngineOptions
from services.embedder.engines.runtime import configure
from services.embedder.engines.texts import TextEngine, load_text_engine
from services.trainer.evaluate.metrics import measure
from services.trainer.search import part_cuts
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.run import SearchResult, search
from services.trainer.search.unknown import fit_unknown

BACKBONE: Final = "mobilenet_v2_100_224"
PAIRS: Final = (("clothing", "trec6"), ("houses", "banking77"))
CLASSES: Final = 3
"""Of each part: nine classes of items."""
PER_CLASS: Final = 8
TEST: Final = 270
DRAWS: Final = 5
LACKING: Final = 1 / 3
_AT_ONCE: Final = 32

Vectors = Mapping[str, Floats]


@dataclass(frozen=True)
class Items:
    """n items: vectors `[n, dim]` of each endpoint of both parts, and the class of each part."""

    image: Vectors
    text: Vectors
    image_y: Indices
    text_y: Indices

    @property
    def y(self) -> Indices:
        """The class of each item."""
        return self.image_y * CLASSES + self.text_y

    def joined(self, missing: str = "") -> dict[str, Floats]:
        """The vectors of both parts by their names in a search; those of one may be zeros."""
        return {
            part_cuts.named(part, name): np.zeros_like(rows) if part == missing else rows
            for part, vectors in (("image", self.image), ("text", self.text))
            for name, rows in vectors.items()
        }


class Source:
    """Draws items of a picture set and a text set."""

    def __init__(self, pictures: FeatureFile, texts: str, engine: TextEngine) -> None:
        self._pictures = pictures
        self._said = {part: _read(texts, part) for part in ("train", "test")}
        self._labels = sorted(set(self._said["train"][1]))
        self._engine = engine

    def draw(self, seed: int) -> tuple[Items, Items]:
        """Items to learn from, and to be asked about: nine classes, drawn by the seed."""
        rng = np.random.default_rng(seed)
        kinds = rng.permutation(len(self._pictures.labels))[:CLASSES]
        words = rng.permutation(len(self._labels))[:CLASSES]
        every = np.arange(CLASSES**2)
        train = np.repeat(every, PER_CLASS)
        test = np.resize(every, TEST)
        found = [
            self._items(part, kinds[y // CLASSES], words[y % CLASSES], rng)
            for part, y in (("train", train), ("test", test))
        ]
        return (
            replace(found[0], image_y=train // CLASSES, text_y=train % CLASSES),
            replace(found[1], image_y=test // CLASSES, text_y=test % CLASSES),
        )

    def _items(self, part: str, kinds: Indices, words: Indices, rng: np.random.Generator) -> Items:
        pictures, (said, labels) = self._pictures, self._said[part]
        seen, seen_y = (
            (pictures.train, pictures.train_y)
            if part == "train"
            else (pictures.test, pictures.test_y)
        )
        said_y = np.array([self._labels.index(label) for label in labels], np.int64)
        rows, lines = _pick(seen_y, kinds, rng), _pick(said_y, words, rng)
        image = {name: found[rows].astype(np.float32) for name, found in seen.items()}
        return Items(image, self._embed([said[line] for line in lines]), kinds, words)

    def _embed(self, texts: list[str]) -> dict[str, Floats]:
        """As a job has them: rounded to float16."""
        names = sorted(self._engine.dims, key=lambda name: (name == DEFAULT, name))[-4:]
        pieces = []
        for start in range(0, len(texts), _AT_ONCE):
            some = np.array([text.encode() for text in texts[start : start + _AT_ONCE]], object)
            pieces.append(self._engine.run(some, tuple(names)))
        joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in names}
        return {name: rows.astype(np.float16).astype(np.float32) for name, rows in joined.items()}


def _read(name: str, part: str) -> tuple[list[str], list[str]]:
    """The texts of a shared set, and their labels."""
    with (SHARED / "data" / name / f"{part}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def _pick(y: Indices, wanted: Indices, rng: np.random.Generator) -> Indices:
    """A row of each class wanted, in that order; none twice as long as there are others."""
    found = np.zeros(len(wanted), np.int64)
    for label in np.unique(wanted):
        places = np.flatnonzero(wanted == label)
        found[places] = np.resize(rng.permutation(np.flatnonzero(y == label)), len(places))
    return found


def _search(vectors: Vectors, y: Indices, *, joint: bool) -> SearchResult:
    labels = tuple(map(str, range(CLASSES**2)))
    return search(Bank(vectors, y, labels, np.arange(len(y)), joint=joint))


def _answers(found: SearchResult, vectors: Vectors, head: Head | None = None) -> Answers:
    x = np.concatenate([vectors[name] for name in found.endpoints], axis=1)
    return (head or found.head).answer(x)


def _with_unknown(found: SearchResult) -> Head:
    """The head as it is delivered: it knows what is unlike its examples."""
    held_out = found.held_out
    assert held_out is not None
    known = fit_unknown(found.examples, held_out.items, held_out.log_proba).familiarity
    return found.head.calibrated(found.head.calibration, known)


def _with_zeros(head: Head) -> Head:
    """The same head without what stands in for a missing part."""
    made = copy(head)
    made.blocks = Blocks(head.blocks.blocks)
    return made


def _rival(train: Items, test: Items, *, unit: bool) -> float:
    def both(items: Items) -> Floats:
        parts = [items.image[DEFAULT], items.text[DEFAULT]]
        return np.concatenate([l2_normalise(p) if unit else p for p in parts], axis=1)

    model = LogisticRegression(max_iter=2000).fit(both(train), train.y)
    return _share(model.predict(both(test)), test.y)


def _share(found: Indices, truth: Indices) -> float:
    return 100 * float((found == truth).mean())


def _one_draw(train: Items, test: Items, seed: int) -> dict[str, float]:
    both = _search(train.joined(), train.y, joint=True)
    alone = {
        "image": _search(train.image, train.y, joint=False),
        "text": _search(train.text, train.y, joint=False),
    }
    whole = _with_unknown(both)
    answers = _answers(both, test.joined(), whole)
    accuracy = _share(answers.best, test.y)
    row = {
        "both": accuracy,
        "image_alone": _share(_answers(alone["image"], test.image).best, test.y),
        "text_alone": _share(_answers(alone["text"], test.text).best, test.y),
        "joined_as_they_are": _rival(train, test, unit=False),
        "joined_at_length_1": _rival(train, test, unit=True),
        "flagged": 100 * float(answers.unknown.mean()),
        "covered": float(_covers(both, accuracy / 100)),
    }
    lacking = _search(_lacking(train, seed), train.y, joint=True)
    row["both_of_a_third_lacking"] = _share(_answers(lacking, test.joined()).best, test.y)
    for part, missing in (("image", "text"), ("text", "image")):
        seen = test.joined(missing)
        for name, answers in (
            ("mean", _answers(both, seen, whole)),
            ("zeros", _answers(both, seen, _with_zeros(whole))),
            ("mean_of_a_third_lacking", _answers(lacking, seen)),
            ("alone", _answers(alone[part], getattr(test, part))),
        ):
            row[f"{part}_half_{name}"] = _half(part, answers.best, test)
            if name in ("mean", "zeros"):
                row[f"{part}_flagged_{name}"] = 100 * float(answers.unknown.mean())
    return row


def _half(part: str, answers: Indices, test: Items) -> float:
    """% of items whose class of one part is answered right."""
    if part == "image":
        return _share(answers // CLASSES, test.image_y)
    return _share(answers % CLASSES, test.text_y)


def _lacking(train: Items, seed: int) -> dict[str, Floats]:
    """The training items, a part of them without their image or their text, which is even."""
    rng = np.random.default_rng([seed, 1])
    share = [1 - LACKING, LACKING / 2, LACKING / 2]
    gone = rng.choice(["", "image", "text"], len(train.y), p=share)
    whole = {name: rows.copy() for name, rows in train.joined().items()}
    for name, rows in whole.items():
        rows[gone == part_cuts.split(name)[0]] = 0
    return whole


def _covers(found: SearchResult, accuracy: float) -> bool:
    held_out = found.held_out
    assert held_out is not None
    numbers = measure(
        held_out.log_proba,
        found.examples.y[held_out.items],
        found.examples.labels,
        items=held_out.items,
        train_share=held_out.train_share,
        optimism=found.optimism,
    )
    return numbers.accuracy.low <= accuracy <= numbers.accuracy.high


def _sources(engine: TextEngine) -> Iterator[tuple[str, Source]]:
    list(embed_sets.files(BACKBONE))
    known = {one.name: one for one in read_all(embed_sets.FOLDER, [BACKBONE])}
    for pictures, texts in PAIRS:
        yield f"{pictures} with {texts}", Source(known[pictures], texts, engine)


def main() -> None:
    """Measure, print and keep."""
    configure(EngineOptions(threads=1))
    with tempfile.TemporaryDirectory() as scratch, FileStore(Path(scratch) / "store") as store:
        backbone = bundled.find(store, BackboneName(bundled.TEXT_NAME))
        folder = Cache(Path(scratch) / "cache", store).fetch(backbone)
        engine = load_text_engine(folder, max_batch=_AT_ONCE, maps=False)
        figures: dict[str, object] = {}
        with threadpool_limits(limits=1, user_api="blas"):
            for name, source in _sources(engine):
                rows = []
                for seed in range(DRAWS):
                    rows.append(_one_draw(*source.draw(seed), seed))
                    print(name, seed, rows[-1], file=sys.stderr, flush=True)
                figures[name] = _mean(rows)
    keep("joint", {"backbones": [BACKBONE, bundled.TEXT_NAME], "draws": DRAWS, **figures})


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    means = {key: round(float(np.mean([row[key] for row in rows])), 1) for key in rows[0]}
    return means | {"covered": round(sum(row["covered"] for row in rows))}


if __name__ == "__main__":
    main()
