"""A sentence encoder (Reimers and Gurevych, 2019) as a SavedModel: strings in, vectors out.

What sentence-transformers keeps in a folder, a BERT with a mean over its tokens, becomes one graph
with the word pieces in it:

- `obj(texts)`, of string [N], answers float32 [N, width], the vector that sentence-transformers
  gives: the mean of the last layer's states, divided by its length where the folder says so;
- `obj(texts, return_endpoints=True)` that as `default` and besides `layer0`, the embeddings, to the
  last layer: states [N, tokens, width], 0 where a text has no token any more.

Every weight is a variable, and trainable. A text is cut at the folder's limit of word pieces.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import tensorflow as tf

from graft.errors import FailedPrecondition
from services.common.backbones.record import DEFAULT
from services.networks.bert import Bert, Shape
from services.networks.pooling import pooled
from services.networks.word_pieces import WordPieces

WEIGHTS: Final = "model.safetensors"
_CONFIG, _VOCABULARY, _PARTS = "config.json", "vocab.txt", "modules.json"
_LIMIT, _TOKENS = "sentence_bert_config.json", "tokenizer_config.json"
_NORMALISE: Final = "Normalize"
# What the graph computes; another setting would be another network.
_NEEDED: Final[dict[str, dict[str, object]]] = {
    _CONFIG: {"model_type": "bert", "hidden_act": "gelu"},
    _TOKENS: {"do_lower_case": True},
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
}


class SentenceEncoder(tf.Module):  # type: ignore[misc]
    """The two parts in a row. `unit`: whether the vector is divided by its length."""

    def __init__(self, pieces: WordPieces, network: Bert, *, unit: bool) -> None:
        super().__init__()
        self.pieces, self.network, self._unit = pieces, network, unit
        call = tf.function(self._call, autograph=False)
        for all_of_them in (False, True):
            call.get_concrete_function(tf.TensorSpec([None], tf.string, "texts"), all_of_them)
        self.__call__ = call

    def _call(self, texts: Any, return_endpoints: bool = False) -> Any:
        states = self.network(self.pieces(texts))
        vector = pooled(states[-1])
        vector = tf.math.l2_normalize(vector, axis=-1, epsilon=1e-24) if self._unit else vector
        layers = {f"layer{number}": found for number, found in enumerate(states)}
        return {**layers, DEFAULT: vector} if return_endpoints else vector


def save(source: Path, folder: Path) -> None:
    """Writes the SavedModel of the sentence encoder in `source`.

    Raises FailedPrecondition when it is none that this graph computes.
    """
    for name, wanted in _NEEDED.items():
        found = _read(source / name)
        for key, value in wanted.items():
            if found.get(key) != value:
                text = f"{name} must say {key}={value!r}; import a BERT of that kind"
                raise _unfit(f"{text}; got {found.get(key)!r}")
    tf.saved_model.save(_encoder(source), str(folder))
    (folder / "fingerprint.pb").unlink()  # random in part: without it the same is the same bytes
    (folder / "metadata.json").write_text(json.dumps(_about(source)))


def _encoder(source: Path) -> SentenceEncoder:
    # Imported here: only who builds an encoder reads weights.
    from safetensors.numpy import load_file

    config, limit = _read(source / _CONFIG), _read(source / _LIMIT).get("max_seq_length")
    if not isinstance(limit, int) or not 2 < limit <= config["max_position_embeddings"]:
        text = f"{_LIMIT} must tell max_seq_length, to {config['max_position_embeddings']}"
        raise _unfit(f"{text}; got {limit!r}")
    vocabulary = (source / _VOCABULARY).read_text(encoding="utf-8").splitlines()
    kinds = [str(part["type"]).rpartition(".")[2] for part in _read(source / _PARTS)]
    shape = Shape(
        config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"]
    )
    weights = load_file(source / WEIGHTS)
    try:
        network = Bert(shape, weights)
    except KeyError as error:
        raise _unfit(f"{WEIGHTS} must hold the weights of a BERT; it lacks {error}") from error
    return SentenceEncoder(WordPieces(vocabulary, limit), network, unit=_NORMALISE in kinds)


def _about(source: Path) -> dict[str, str]:
    """The name that the weights bear themselves, and what is read of a text."""
    name, limit = _read(source / _CONFIG).get("_name_or_path", ""), _read(source / _LIMIT)
    text = f"a sentence encoder; reads the first {limit['max_seq_length']} word pieces of a text"
    return {"description": f"{text}; made from {name}" if name else text}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unfit(f"{path.name} must be there and be JSON; got {error}") from error


def main(arguments: list[str]) -> int:
    """`python -m services.networks.sentence_encoder SOURCE FOLDER`; answers the exit status."""
    try:
        save(*map(Path, arguments))
    except FailedPrecondition as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _unfit(text: str) -> FailedPrecondition:
    return FailedPrecondition(text, reason="BACKBONE_UNUSABLE", metadata={"missing": "a BERT"})


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    sys.exit(main(sys.argv[1:]))
