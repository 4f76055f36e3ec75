"""SavedModels by contract: every form that is allowed, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.errors import FailedPrecondition
from services.networks.module import load_module
from tests.support.engines import SIDE, FakeEngine, item
from tests.support.savedmodel import save


@pytest.mark.parametrize("form", ["return_endpoints", "signature"])
def test_cut_layers_are_found_and_averaged(tmp_path: Path, form: str) -> None:
    module = load_module(save(tmp_path / "m", form=form))
    found = module.pooled(SIDE, SIDE)(item(1)[None])
    wanted = FakeEngine().run(item(1)[None], ("default", "map"))
    assert sorted(found) == ["default", "map"]
    for name, vectors in wanted.items():
        assert np.allclose(found[name].numpy(), vectors, atol=1e-5)


def test_a_plain_call_has_the_default_vector_only(tmp_path: Path) -> None:
    module = load_module(save(tmp_path / "m", form="plain"))
    assert module.endpoint_shapes(SIDE, SIDE) == {"default": (6,)}


def test_the_input_size_is_read_from_the_signature_where_it_is_fixed(tmp_path: Path) -> None:
    assert load_module(save(tmp_path / "fixed")).input_shape == (SIDE, SIDE, 3)
    assert load_module(save(tmp_path / "open", side=None)).input_shape == (None, None, 3)


@pytest.mark.parametrize(
    ("form", "missing"),
    [
        ("not_callable", "__call__"),
        ("no_vector", "a vector float32 [N,dim]"),
        ("texts", "images float32 [N,H,W,3]"),
    ],
)
def test_what_breaks_the_contract_is_told_what_it_lacks(
    tmp_path: Path, form: str, missing: str
) -> None:
    with pytest.raises(FailedPrecondition, match="Reusable SavedModel contract") as caught:
        load_module(save(tmp_path / "m", form=form))
    assert caught.value.reason == "BACKBONE_UNUSABLE"
    assert caught.value.metadata == {"missing": missing}


def test_a_folder_that_is_no_savedmodel_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"not a graph")
    with pytest.raises(FailedPrecondition, match="cannot be loaded"):
        load_module(tmp_path)
