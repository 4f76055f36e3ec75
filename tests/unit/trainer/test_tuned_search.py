"""What tuning is told of a search, and what a search is after a tuning that came to nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import Cancelled, Unavailable
from services.common.store.file import FileStore
from services.trainer.search.bank import Bank
from services.trainer.search.run import SearchResult, search
from services.trainer.tail_tuning import Means
from services.trainer.tuned_search import frozen_of, tune
from tests.support import savedmodel  # sets TensorFlow up
from tests.support.embedder import make_backbone

PER_CLASS = 30
DIM = 8


@pytest.fixture(scope="module")
def bank() -> Bank:
    """Two classes that overlap, and one with a single example."""
    rng = np.random.default_rng(0)
    y = np.append(np.repeat([0, 1], PER_CLASS), 2)
    x = rng.normal(size=(len(y), DIM)) + 0.1 * np.eye(3, DIM)[y]
    return Bank({"default": x.astype(np.float32)}, y, ("a", "b", "c"), np.arange(len(y)))


@pytest.fixture(scope="module")
def found(bank: Bank) -> SearchResult:
    return search(bank)


@pytest.fixture
def backbone() -> backbone_pb2.Backbone:
    """It can be cut, and its files are not in any store."""
    made = make_backbone("lost", DIM, spatial=True)
    made.endpoints.add(name="late", shape=[2, 2, DIM], dim=DIM)
    made.files.add(path="saved_model.pb", size_bytes=1, sha256="0" * 64)
    return made


def means(folder: Path, **changes: object) -> Means:
    """What a job gives; the store is empty."""
    made = Means(
        store=FileStore(folder / "store"),
        cache=folder / "cache",
        ask=lambda request: pytest.fail("nothing is asked of the embedder"),
        contents=lambda rows: pytest.fail("no file is read"),
        threads=savedmodel.THREADS,
        seconds_left=lambda: 1000.0,
        tick=lambda: None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_losses_of_the_search_are_told_item_by_item(
    found: SearchResult, backbone: backbone_pb2.Backbone
) -> None:
    frozen = frozen_of(backbone, found, seed=3)
    assert found.held_out is not None
    assert np.isnan(frozen.losses[-1])
    assert np.isnan(frozen.right[-1])
    assert np.isfinite(frozen.losses[:-1]).all()
    proba = np.exp(found.held_out.log_proba[:, 5])
    assert frozen.losses[5] == pytest.approx(-np.log(proba[:, frozen.y[5]]).mean(), rel=1e-5)
    assert frozen.right[5] == (proba.argmax(axis=1) == frozen.y[5]).mean()
    assert (frozen.seed, frozen.labels, frozen.endpoints) == (3, ("a", "b", "c"), found.endpoints)


def test_what_goes_wrong_leaves_the_search_as_it_is(
    bank: Bank, found: SearchResult, backbone: backbone_pb2.Backbone, tmp_path: Path
) -> None:
    tuned = tune(means(tmp_path), backbone, bank, found, 0)
    assert tuned.found is found
    assert tuned.tail is None
    assert (tuned.decision.subject, tuned.decision.choice) == ("tuning", "none")
    assert tuned.decision.reason.startswith("left: ")
    assert "saved_model.pb is missing" in tuned.decision.reason


@pytest.mark.parametrize("error", [Cancelled("stop"), Unavailable("gone")])
def test_a_cancellation_is_no_failure_of_tuning(
    bank: Bank,
    found: SearchResult,
    backbone: backbone_pb2.Backbone,
    tmp_path: Path,
    error: Exception,
) -> None:
    def tick() -> None:
        raise Cancelled("stop")

    def seconds_left() -> float:
        raise error

    with pytest.raises(Cancelled):
        tune(means(tmp_path, tick=tick, seconds_left=seconds_left), backbone, bank, found, 0)


def test_very_many_examples_are_not_tuned_on(
    bank: Bank, found: SearchResult, backbone: backbone_pb2.Backbone, tmp_path: Path
) -> None:
    part = replace(found, kept=found.kept[:-1])
    tuned = tune(means(tmp_path), backbone, bank, part, 0)
    assert tuned.decision.reason == "not tried: it is for 20,000 examples at most; got 61"


def test_without_held_out_answers_there_is_nothing_to_gain(
    bank: Bank, found: SearchResult, backbone: backbone_pb2.Backbone, tmp_path: Path
) -> None:
    tuned = tune(means(tmp_path), backbone, bank, replace(found, held_out=None), 0)
    assert "0 of 0 held-out answers wrong" in tuned.decision.reason
