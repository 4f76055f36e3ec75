"""How well are texts of no known class told from known ones, beside other ways to tell?

    python -m benchmarks.unknown_texts

As benchmarks/unknown.py, with the sets of texts: of trec6 and banking77 two fifths of the classes
are hidden, and `far` are texts of the other sets. The other ways look at the last layer, vectors of
length 1: the distance from the nearest class mean under the covariance within classes (Lee et al.,
2018), that less the distance from the mean of all under the whole covariance ("relative": Ren et
al., 2021), and the nearest drawn text (Sun et al., 2022). Nothing is tuned. All texts are embedded
once, into .run/embeddings, which takes minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import record, texts
from benchmarks.embed_sets import FOLDER
from benchmarks.feature_files import FeatureFile, Indices, Vectors, read
from benchmarks.unknown import DRAWS, kept_share, strange, summary
from services.common.heads.base import Floats, l2_normalise
from services.embedder.backbones import bundled
from services.trainer.fitters.base import Doubles
from services.trainer.search.unknown import KEPT_SHARE

SETS: Final = ("banking77", "trec6")
K: Final = 8
ENDPOINTS: Final = ("layer4", "layer5", "default")
THREADS: Final = 1
SHRINKAGE: Final = 1.0
"""Of a covariance, as in fitters/lda.py."""


def main() -> None:
    """Measure, print and keep."""
    paths = {name: FOLDER / f"{bundled.TEXT_NAME}__{name}.npz" for name in texts.SETS}
    if not all(path.exists() for path in paths.values()):
        _embed(paths)
    sets = {name: read(path, ENDPOINTS) for name, path in paths.items()}
    figures = {name: _measure(sets[name], [*sets.values()]) for name in SETS}
    record.keep(
        "unknown_texts", {"k": K, "draws": DRAWS, "kept_share_aim": KEPT_SHARE, "sets": figures}
    )


def _measure(found: FeatureFile, sets: list[FeatureFile]) -> dict[str, object]:
    others = [other for other in sets if other is not found]
    draws = range(DRAWS)
    return {
        "auroc": summary([strange(found, others, K, seed, also=_otherwise) for seed in draws]),
        "kept_share": summary([kept_share(found, K, seed) for seed in draws], spread=True),
    }


def _otherwise(drawn: Vectors, y: Indices, tested: Vectors) -> dict[str, Floats]:
    x, new = (l2_normalise(each["default"].astype(np.float32)) for each in (drawn, tested))
    classes, own = np.unique(y, return_inverse=True)
    means = np.stack([x[own == c].mean(axis=0) for c in range(len(classes))])
    near = _squared(x - means[own], [new - mean for mean in means]).min(axis=0)
    middle = x.mean(axis=0)
    whole = _squared(x - middle, [new - middle])[0]
    found = {"mahalanobis": -near, "relative": whole - near, "nearest": (new @ x.T).max(axis=1)}
    return {name: np.asarray(score, np.float32) for name, score in found.items()}


def _squared(spread: Floats, away: list[Floats]) -> Doubles:
    """Squared lengths `[c, n]` of rows `[n, d]` under the covariance of rows `spread`."""
    covariance = spread.T.astype(np.float64) @ spread / len(spread)
    shrunk = SHRINKAGE * np.trace(covariance) / len(spread)
    inverse = np.linalg.inv(covariance + shrunk * np.eye(len(covariance)))
    return np.stack([np.einsum("nd,nd->n", each @ inverse, each) for each in away])


def _embed(paths: dict[str, Path]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with texts.opened(THREADS) as network:
        for name, path in paths.items():
            found = texts.read(name)
            arrays = {"classes": np.array(found.labels)}
            for part, y in (("train", found.train_y), ("test", found.test_y)):
                arrays[f"{part}_y"] = y
                vectors = network.embed(found.train if part == "train" else found.test)
                for end in ENDPOINTS:
                    arrays[f"{part}_orig_{end}"] = vectors[end].astype(np.float16)
            np.savez(path, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
