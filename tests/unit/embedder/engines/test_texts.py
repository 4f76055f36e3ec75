"""The engine of texts: order, parts of a batch that run together, states, no retracing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.embedder.engines import texts as engine_module
from services.embedder.engines.texts import TextEngine, alike
from services.networks.text_module import load_text_module
from tests.support import minilm
from tests.support.text_modules import save_vectors, vector_of


def batch(*texts: str) -> np.ndarray:
    return np.array([text.encode() for text in texts], object)


def test_places_that_run_together_are_about_as_long_as_each_other() -> None:
    lengths = [900, 3, 20, 5_000, 0, 1_000, 2_500, 60]
    parts = alike(lengths)
    assert sorted(place for part in parts for place in part) == list(range(len(lengths)))
    assert parts == [[4, 1, 2], [7], [0, 5], [6, 3]]
    assert alike([]) == []


def test_long_texts_run_a_few_at_a_time() -> None:
    assert [len(part) for part in alike([9_000] * 20)] == [8, 8, 4]
    assert [len(part) for part in alike([50] * 32)] == [32]


def test_rows_come_in_the_order_of_the_batch_however_they_were_run(tmp_path: Path) -> None:
    engine = TextEngine(load_text_module(save_vectors(tmp_path / "m")), max_batch=8)
    engine.warm()
    asked = ["f" * 700, "", "abc", "fab" * 90, "é", "a\x00b", "dead beef"]
    found = engine.run(batch(*asked), ("default",))["default"]
    assert found.dtype == np.float32
    assert np.array_equal(found, np.stack([vector_of(text) for text in asked]))
    assert (engine.sizes.sizes[0], engine.sizes.largest, dict(engine.dims)) == (
        1,
        8,
        {"default": 6},
    )


@pytest.mark.timeout(300)
def test_states_are_zero_where_there_is_no_token_and_their_mean_is_the_vector() -> None:
    module = load_text_module(minilm.folder())
    of_vectors, of_states = (TextEngine(module, max_batch=4, maps=maps) for maps in (False, True))
    asked = batch("one two", "", "a rather longer text of some ten words or so, " * 6)
    states = of_states.run(asked, ("layer3",))["layer3"]
    vectors = of_vectors.run(asked, ("layer3",))["layer3"]
    counts = (states != 0).any(axis=2).sum(axis=1)
    assert list(counts[:2]) == [4, 2], "two words and none between the two ends"
    assert states.shape == (3, counts[2], 384)
    assert np.allclose(states.sum(axis=1) / counts[:, None], vectors, atol=1e-4)
    assert sorted(of_states.dims) == [f"layer{number}" for number in range(7)]


def test_nothing_is_traced_anew_for_other_lengths_and_counts(tmp_path: Path) -> None:
    module = load_text_module(save_vectors(tmp_path / "m"))
    engine = TextEngine(module, max_batch=8)
    traced = engine._graph
    for rows in (1, 3, 8):
        for length in (0, 5, 400, engine_module._LONG_BYTES * 2):
            engine.run(batch(*["a" * length] * rows), ("default",))
    assert engine._graph is traced
    assert traced.structured_input_signature[0][0].shape.as_list() == [None]
