"""Decoder, preprocessing and engines together give the vectors that were written down."""

from __future__ import annotations

import json

import numpy as np
import pytest

from services.embedder.backbones import bundled
from tests.golden.vectors import FILE, Golden, folders, written

MIN_COSINE = 0.9999
MAX_NORM_CHANGE = 0.001

GOLDEN: Golden = json.loads(FILE.read_text())
NAMES = [
    pytest.param(name, marks=() if name == bundled.NAME else pytest.mark.shared) for name in GOLDEN
]


@pytest.mark.parametrize("kind", ["tensorflow", "openvino"])
@pytest.mark.parametrize("name", NAMES)
def test_a_backbone_gives_the_vectors_that_were_written_down(name: str, kind: str) -> None:
    if name not in folders():
        pytest.skip(f"the shared backbone {name} is not beside this checkout")
    found = written(folders()[name], kind)
    assert sorted(found) == sorted(GOLDEN[name])
    for picture, numbers in GOLDEN[name].items():
        norm, wanted = numbers[0], np.array(numbers[1:])
        vector = np.array(found[picture][1:])
        cosine = vector @ wanted / (np.linalg.norm(vector) * np.linalg.norm(wanted))
        assert cosine >= MIN_COSINE, (picture, cosine)
        assert abs(found[picture][0] / norm - 1) < MAX_NORM_CHANGE


def test_the_pictures_tell_the_vectors_apart() -> None:
    for by_picture in GOLDEN.values():
        vectors = np.array([numbers[1:] for numbers in by_picture.values()])
        assert len(np.unique(vectors.round(3), axis=0)) == 3
        assert (np.abs(vectors).max(axis=1) > 0).all()
