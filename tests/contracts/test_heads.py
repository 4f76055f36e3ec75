"""The contract of heads (services/common/heads/base.py), run over every kind and variant."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from graft.errors import DataLoss, FailedPrecondition, InvalidArgument
from services.common.heads.base import Arrays, Calibration, Floats
from services.common.heads.head import Head
from services.common.heads.class_mean import ClassMeanHead
from services.common.heads.linear import LinearHead
from services.common.heads.registry import HEADS, from_arrays

DIM = 24
LABELS = ("zebra", "ant", "Ünïcode 馬")


def _random(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _linear(*, normalise: bool, calibration: Calibration | None = None) -> Head:
    return LinearHead(
        LABELS, _random(DIM, 3), _random(3), normalise=normalise, calibration=calibration
    )


def _class_mean(calibration: Calibration | None = None) -> Head:
    mean = _random(3, DIM)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return ClassMeanHead(LABELS, unit, sharpness=14.0, calibration=calibration)


VARIANTS: dict[str, Head] = {
    "linear": _linear(normalise=False),
    "linear-l2": _linear(normalise=True),
    "linear-calibrated": _linear(normalise=True, calibration=Calibration(0.4, 0.5)),
    "class_mean": _class_mean(),
    "class_mean-calibrated": _class_mean(Calibration(2.5, 0.4)),
}


@pytest.fixture(params=sorted(VARIANTS))
def head(request: pytest.FixtureRequest) -> Head:
    return VARIANTS[str(request.param)]


def test_every_registered_kind_is_held_to_the_contract() -> None:
    assert {head.kind for head in VARIANTS.values()} == set(HEADS)
    assert all(kind == HEADS[kind].kind for kind in HEADS)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_any_batch_size_is_answered_with_float32_of_the_right_shape(head: Head, n: int) -> None:
    proba, log_proba = head.proba(_random(n, DIM)), head.log_proba(_random(n, DIM))
    assert proba.shape == log_proba.shape == (n, len(LABELS))
    assert proba.dtype == log_proba.dtype == np.float32


def test_rows_are_probabilities_and_the_logarithm_agrees(head: Head) -> None:
    x = _random(50, DIM)
    proba = head.proba(x)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.exp(head.log_proba(x)), proba, atol=1e-6)


def test_the_answer_is_the_most_probable_label_with_its_score(head: Head) -> None:
    answers = head.answer(_random(50, DIM))
    np.testing.assert_array_equal(answers.best, answers.proba.argmax(axis=1))
    np.testing.assert_array_equal(answers.score, answers.proba.max(axis=1))
    below = answers.score < np.float32(head.calibration.unknown_below)
    np.testing.assert_array_equal(answers.unknown, below)


def test_a_permuted_batch_gives_permuted_answers(head: Head) -> None:
    x, order = _random(50, DIM), np.random.default_rng(1).permutation(50)
    np.testing.assert_allclose(head.proba(x[order]), head.proba(x)[order], atol=1e-6)


def test_a_row_alone_is_answered_as_in_a_batch(head: Head) -> None:
    x = _random(9, DIM)
    alone = np.concatenate([head.proba(x[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(alone, head.proba(x), atol=1e-6)


def test_arrays_round_trip_bit_for_bit(head: Head) -> None:
    again = from_arrays(head.kind, head.labels, head.to_arrays())
    x = _random(20, DIM)
    assert type(again) is type(head)
    assert (again.labels, again.dim) == (head.labels, DIM)
    assert again.calibration.temperature == pytest.approx(head.calibration.temperature)
    np.testing.assert_array_equal(again.proba(x), head.proba(x))
    np.testing.assert_array_equal(again.answer(x).unknown, head.answer(x).unknown)


def test_the_order_of_labels_is_kept_and_not_sorted(head: Head) -> None:
    assert head.labels == LABELS
    assert from_arrays(head.kind, list(LABELS), head.to_arrays()).labels == LABELS


def test_arrays_are_plain_float32_and_their_bytes_are_counted(head: Head) -> None:
    arrays = head.to_arrays()
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    assert head.nbytes == sum(array.nbytes for array in arrays.values())


def test_the_input_is_not_modified(head: Head) -> None:
    x = _random(5, DIM)
    before = x.copy()
    head.answer(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_vectors_that_are_not_finite_are_refused_by_row(head: Head, bad: float) -> None:
    x = _random(4, DIM)
    x[2] = bad
    with pytest.raises(InvalidArgument, match="row 2 of 4") as caught:
        head.log_proba(x)
    assert caught.value.metadata == {"row": "2"}


def test_nothing_overflows_for_large_logits(head: Head) -> None:
    proba = head.proba(_random(5, DIM) * np.float32(1e6))
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "x", [np.zeros((2, DIM + 1), np.float32), np.zeros((2, DIM)), np.zeros(DIM, np.float32)]
)
def test_a_wrong_shape_or_type_is_refused_with_what_was_received(head: Head, x: Floats) -> None:
    with pytest.raises(InvalidArgument, match=rf"\[n, {DIM}\].*got {x.dtype}"):
        head.proba(x)


def test_a_zero_vector_is_answered(head: Head) -> None:
    assert np.isfinite(head.proba(np.zeros((1, DIM), np.float32))).all()


def test_calibration_changes_confidence_and_never_the_answer(head: Head) -> None:
    x = _random(50, DIM)
    plain, timid = (head.calibrated(Calibration(t, 0.9)) for t in (1.0, 5.0))
    np.testing.assert_array_equal(timid.answer(x).best, plain.answer(x).best)
    assert (timid.answer(x).score <= plain.answer(x).score + 1e-6).all()
    assert timid.answer(x).unknown.sum() > plain.answer(x).unknown.sum()


def _spoil(arrays: Arrays, name: str, how: str) -> Arrays:
    spoilt = dict(arrays)
    if how == "missing":
        del spoilt[name]
    elif how == "double":
        spoilt[name] = spoilt[name].astype(np.float64)
    elif how == "nan":
        spoilt[name] = np.full_like(spoilt[name], np.nan)
    else:
        spoilt[name] = np.zeros((*spoilt[name].shape, 2), np.float32)
    return spoilt


@pytest.mark.parametrize("how", ["missing", "double", "nan", "shape"])
def test_stored_arrays_that_do_not_fit_are_named(head: Head, how: str) -> None:
    for name in head.to_arrays():
        with pytest.raises(DataLoss, match=repr(name)):
            from_arrays(head.kind, head.labels, _spoil(head.to_arrays(), name, how))


def test_arrays_for_other_labels_are_refused(head: Head) -> None:
    with pytest.raises(DataLoss):
        from_arrays(head.kind, [*LABELS, "fourth"], head.to_arrays())
    with pytest.raises(DataLoss, match="distinct"):
        from_arrays(head.kind, ["a", "a", "b"], head.to_arrays())


def test_a_temperature_of_zero_is_refused(head: Head) -> None:
    arrays = head.to_arrays() | {"temperature": np.zeros(1, np.float32)}
    with pytest.raises(DataLoss, match="temperature"):
        from_arrays(head.kind, head.labels, arrays)


def test_an_unknown_kind_says_what_is_known_and_what_to_do() -> None:
    with pytest.raises(FailedPrecondition, match=r"class_mean, linear.*upgrade.*'forest'"):
        from_arrays("forest", LABELS, {})


def test_heads_need_nothing_but_numpy() -> None:
    blocked = ["tensorflow", "sklearn", "scipy", "lance", "pyarrow"]
    code = (
        "import json, sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "from services.common.heads import registry\n"
        "print(json.dumps(sorted(registry.HEADS)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == sorted(HEADS)
