"""Building a sentence encoder: what it answers, and what is refused rather than built wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from graft.errors import FailedPrecondition
from services.networks import sentence_encoder
from services.networks.text_module import load_text_module
from tests.support.text_modules import save_encoder, write_encoder


def test_it_answers_a_vector_of_length_one_and_the_states_of_every_layer(tmp_path: Path) -> None:
    module = load_text_module(save_encoder(tmp_path))
    found = module.call(tf.constant(["abc", "", "é" * 200, "fed " * 50]))
    assert np.allclose(np.linalg.norm(found["default"], axis=1), 1.0, atol=1e-5)
    assert {name: value.shape.as_list() for name, value in found.items() if name != "default"} == {
        f"layer{number}": [4, 16, 8] for number in range(3)
    }
    lengths = [[int(row.any(axis=1).sum()) for row in found[f"layer{n}"].numpy()] for n in range(3)]
    assert lengths == [[5, 2, 3, 16]] * 3, "a, ##b, ##c; nothing; one unknown word; cut at 16"
    assert module.endpoint_shapes() == {
        "default": (8,),
        **{f"layer{number}": (16, 8) for number in range(3)},
    }


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"model_type": "t5"}, "config.json must say model_type='bert'"),
        ({"hidden_act": "gelu_new"}, "config.json must say hidden_act='gelu'"),
        ({"num_hidden_layers": 3}, "it lacks 'encoder.layer.2"),
        ({"max_position_embeddings": 8}, "must tell max_seq_length, to 8; got 16"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, settings: dict[str, object], text: str) -> None:
    folder = write_encoder(tmp_path / "m", **settings)
    with pytest.raises(FailedPrecondition, match=re.escape(text)) as caught:
        sentence_encoder.save(folder, tmp_path / "saved")
    assert caught.value.reason == "BACKBONE_UNUSABLE"


def test_another_way_to_pool_or_another_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "m")
    (folder / "vocab.txt").write_text("[PAD]\nword\n")
    with pytest.raises(FailedPrecondition, match=r"vocab.txt lacks \[UNK\]"):
        sentence_encoder.save(folder, tmp_path / "saved")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    with pytest.raises(FailedPrecondition, match="pooling_mode_mean_tokens=True"):
        sentence_encoder.save(folder, tmp_path / "saved")
    (folder / "modules.json").unlink()
    with pytest.raises(FailedPrecondition):
        sentence_encoder.save(folder, tmp_path / "saved")
