"""The two modules in which TF-Hub publishes a BERT, as one SavedModel: strings in, vectors out.

The preprocessor answers `input_word_ids`, `input_mask` and `input_type_ids` of texts; the encoder
answers `pooled_output` [N, width] and `encoder_outputs`, the states of each layer, from those. The
SavedModel made of both keeps services/networks/text_module.py's contract: `default` is the pooled
output, `layer1` to the last are the states, 0 where a text has no token any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from graft.errors import FailedPrecondition
from services.common.backbones.record import DEFAULT
from services.networks.saved_model import MISMATCH, load_object, unusable
from services.networks.text_module import TEXTS

_INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


class _Pair(tf.Module):  # type: ignore[misc]
    def __init__(self, preprocessor: Any, encoder: Any) -> None:
        super().__init__()
        self.preprocessor, self.encoder = preprocessor, encoder
        call = tf.function(self._call, autograph=False)
        for all_of_them in (False, True):
            call.get_concrete_function(TEXTS, all_of_them)
        self.__call__ = call

    def _call(self, texts: Any, return_endpoints: bool = False) -> Any:
        inputs = self.preprocessor(texts)
        if not isinstance(inputs, Mapping) or set(_INPUTS) - set(inputs):
            raise unusable(f"{', '.join(_INPUTS)} from the preprocessor", f"it answers {inputs}")
        outputs = self._encoded({name: inputs[name] for name in _INPUTS})
        if not isinstance(outputs, Mapping) or "pooled_output" not in outputs:
            raise unusable("pooled_output from the encoder", f"it answers {outputs}")
        if not return_endpoints:
            return outputs["pooled_output"]
        there = tf.cast(inputs["input_mask"], tf.float32)[:, :, tf.newaxis]
        layers = outputs.get("encoder_outputs", [])
        states = {f"layer{number}": layer * there for number, layer in enumerate(layers, start=1)}
        return {**states, DEFAULT: outputs["pooled_output"]}

    def _encoded(self, inputs: Mapping[str, Any]) -> Any:
        try:
            return self.encoder(inputs, training=False)
        except MISMATCH:
            return self.encoder(inputs)


def save(preprocessor: Path, encoder: Path, folder: Path) -> None:
    """Writes the SavedModel of both. Raises FailedPrecondition when they are no such pair."""
    parts = load_object(preprocessor), load_object(encoder)
    try:
        pair = _Pair(*parts)
    except MISMATCH as error:
        raise unusable("a preprocessor of texts and its encoder", f"{error}") from error
    tf.saved_model.save(pair, str(folder))
    (folder / "fingerprint.pb").unlink()  # random in part: without it the same is the same bytes


def main(arguments: list[str]) -> int:
    """`python -m services.networks.text_pair PREPROCESSOR ENCODER FOLDER`; the exit status."""
    try:
        save(*map(Path, arguments))
    except FailedPrecondition as error:
        print(str(error).replace("\n", " "), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    sys.exit(main(sys.argv[1:]))
