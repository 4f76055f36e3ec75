"""The contract of heads (services/common/heads/head.py), run over every kind and variant."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from graft.errors import DataLoss, FailedPrecondition, InvalidArgument
from services.common.heads.base import Arrays, Calibration, Floats
from services.common.heads.blocks import Block, Blocks
from services.common.heads.class_mean import ClassMeanHead
from services.common.heads.familiarity import CENTRE, DIRECTIONS, Familiarity
from services.common.heads.head import Head
from services.common.heads.linear import LinearHead
from services.common.heads.mlp import MlpHead
from services.common.heads.registry import HEADS, from_arrays

DIM = 24
UNITS = 12
LABELS = ("zebra", "ant", "Ünïcode 馬")


def _random(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _linear(blocks: Blocks) -> Head:
    return LinearHead(LABELS, _random(DIM, 3), _random(3), blocks=blocks)


def _class_mean(blocks: Blocks) -> Head:
    mean = _random(3, DIM)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    centre = _random(DIM, seed=1) * np.float32(0.1)
    return ClassMeanHead(LABELS, unit, centre, sharpness=14.0, blocks=blocks)


def _mlp(blocks: Blocks) -> Head:
    hidden, output = _random(DIM, UNITS), _random(UNITS, 3)
    return MlpHead(LABELS, hidden, _random(UNITS), output, _random(3), blocks=blocks)


def _familiarity(below: float) -> Familiarity:
    """Odds less a distance from a subspace; scores under `below` are flagged."""
    directions = np.linalg.qr(_random(DIM, 4, seed=2))[0]
    found = Familiarity.of(_random(DIM, seed=3) * np.float32(0.1), directions)
    return found.weighted(odds_weight=1.0, distance_weight=1.0, most_odds=4.0).flagging(below)


RAW, UNIT = Blocks.raw(DIM), Blocks.unit(DIM)
JOINED = Blocks((Block(11, 2.0, root=True), Block(4, 0.0, root=True), Block(9, 0.5)))
LACKING = Blocks(JOINED.blocks, _random(DIM, seed=5))

THRESHOLDS = np.array([0.3, 0.5, 0.9], np.float32)
SEVERAL = Calibration(0.7, -0.2, THRESHOLDS)

VARIANTS: dict[str, Head] = {
    "linear": _linear(RAW),
    "linear-l2": _linear(UNIT),
    "linear-joined": _linear(JOINED),
    "linear-calibrated": _linear(UNIT).calibrated(Calibration(0.4), _familiarity(0.5)),
    "linear-joined-calibrated": _linear(JOINED).calibrated(Calibration(0.4), _familiarity(-4.0)),
    "linear-lacking": _linear(LACKING).calibrated(Calibration(0.4), _familiarity(-4.0)),
    "class_mean": _class_mean(UNIT),
    "class_mean-joined": _class_mean(JOINED),
    "class_mean-calibrated": _class_mean(UNIT).calibrated(Calibration(2.5), _familiarity(0.5)),
    "mlp": _mlp(RAW),
    "mlp-joined": _mlp(JOINED),
    "mlp-calibrated": _mlp(UNIT).calibrated(Calibration(2.5), _familiarity(0.5)),
    "linear-several": _linear(UNIT).calibrated(SEVERAL, _familiarity(0.5)),
    "class_mean-several": _class_mean(UNIT).calibrated(SEVERAL),
    "mlp-several": _mlp(RAW).calibrated(SEVERAL),
}
ONE_LABEL = sorted(name for name, head in VARIANTS.items() if not head.several)
FLAGGING = sorted(name for name, head in VARIANTS.items() if head.familiarity is not None)


@pytest.fixture(params=sorted(VARIANTS))
def head(request: pytest.FixtureRequest) -> Head:
    return VARIANTS[str(request.param)]


def test_every_registered_kind_is_held_to_the_contract() -> None:
    assert {head.kind for head in VARIANTS.values()} == set(HEADS)
    assert all(kind == HEADS[kind].kind for kind in HEADS)
    assert {VARIANTS[name].kind for name in FLAGGING} == set(HEADS)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_any_batch_size_is_answered_with_float32_of_the_right_shape(head: Head, n: int) -> None:
    proba, log_proba = head.proba(_random(n, DIM)), head.log_proba(_random(n, DIM))
    assert proba.shape == log_proba.shape == (n, len(LABELS))
    assert proba.dtype == log_proba.dtype == np.float32
    assert head.answer(_random(n, DIM)).unknown.shape == (n,)


def test_probabilities_lie_between_0_and_1_and_the_logarithm_agrees(head: Head) -> None:
    x = _random(50, DIM)
    proba = head.proba(x)
    assert (proba >= 0).all()
    assert (proba <= 1).all()
    np.testing.assert_allclose(np.exp(head.log_proba(x)), proba, atol=1e-6)


@pytest.mark.parametrize("name", ONE_LABEL)
def test_where_an_item_has_one_label_its_probabilities_sum_to_1(name: str) -> None:
    x = _random(50, DIM)
    np.testing.assert_allclose(VARIANTS[name].proba(x).sum(axis=1), 1, atol=1e-6)
    assert VARIANTS[name].answer(x).borne is None


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - set(ONE_LABEL)))
def test_of_several_labels_each_is_answered_by_itself_at_its_threshold(name: str) -> None:
    head, x = VARIANTS[name], _random(50, DIM)
    plain = head.calibrated(Calibration()).logits(x).astype(np.float64)
    expected = 1 / (1 + np.exp(-(plain / 0.7 - 0.2)))
    answers = head.answer(x)
    np.testing.assert_allclose(answers.proba, expected, rtol=1e-4, atol=1e-6)
    assert answers.borne is not None
    np.testing.assert_array_equal(answers.borne, answers.proba >= THRESHOLDS)
    assert {0, 1, 2} <= set(answers.borne.sum(axis=1).tolist())


def test_one_class_alone_is_enough_where_it_may_be_absent() -> None:
    head = LinearHead(("ant",), _random(DIM, 1), _random(1), blocks=UNIT)
    several = head.calibrated(Calibration(1.0, 0.0, np.array([0.5], np.float32)))
    again = from_arrays("linear", ("ant",), several.to_arrays())
    answers = again.answer(_random(20, DIM))
    assert answers.borne is not None
    assert 0 < answers.borne.sum() < 20
    with pytest.raises(DataLoss, match="2 or more distinct labels"):
        from_arrays("linear", ("ant",), head.to_arrays())


def test_thresholds_outside_0_to_1_are_refused() -> None:
    arrays = VARIANTS["linear-several"].to_arrays()
    arrays["thresholds"] = np.array([0.1, 1.5, 0.2], np.float32)
    with pytest.raises(DataLoss, match=r"between 0 and 1.*1\.5"):
        from_arrays("linear", LABELS, arrays)


def test_the_answer_is_the_most_probable_label_with_its_score(head: Head) -> None:
    x = _random(50, DIM)
    answers = head.answer(x)
    np.testing.assert_array_equal(answers.proba, head.proba(x))
    np.testing.assert_array_equal(answers.best, answers.proba.argmax(axis=1))
    np.testing.assert_array_equal(answers.score, answers.proba.max(axis=1))


@pytest.mark.parametrize("name", FLAGGING)
def test_what_is_unfamiliar_is_unknown_whatever_its_label(name: str) -> None:
    head, x = VARIANTS[name], _random(50, DIM)
    assert head.familiarity is not None
    odds = head.link.odds(head.logits(x))
    score = head.familiarity.score(head.blocks.features(x), odds)
    answers = head.answer(x)
    np.testing.assert_array_equal(answers.unknown, score < np.float32(head.familiarity.below))
    assert 0 < answers.unknown.sum() < 50
    unflagged = head.calibrated(head.calibration).answer(x)
    np.testing.assert_array_equal(unflagged.proba, answers.proba)
    assert unflagged.unknown.dtype == np.bool_
    assert not unflagged.unknown.any()


def test_a_head_without_familiarity_flags_nothing(head: Head) -> None:
    assert not head.calibrated(Calibration(50.0)).answer(_random(50, DIM)).unknown.any()


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
    assert (again.labels, again.dim, again.blocks) == (head.labels, DIM, head.blocks)
    assert again.calibration.temperature == pytest.approx(head.calibration.temperature)
    np.testing.assert_array_equal(again.proba(x), head.proba(x))
    np.testing.assert_array_equal(again.answer(x).unknown, head.answer(x).unknown)
    np.testing.assert_array_equal(again.answer(x).borne, head.answer(x).borne)


def test_the_order_of_labels_is_kept_and_not_sorted(head: Head) -> None:
    assert head.labels == LABELS
    assert from_arrays(head.kind, list(LABELS), head.to_arrays()).labels == LABELS


def test_arrays_are_plain_float32_or_small_integers_and_their_bytes_are_counted(head: Head) -> None:
    arrays = head.to_arrays()
    for name, array in arrays.items():
        assert array.dtype == (np.int8 if name == DIRECTIONS else np.float32)
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
    with pytest.raises(InvalidArgument, match="row 2 of 4"):
        head.answer(x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 12, DIM - 1])
def test_one_number_that_is_not_finite_is_enough(head: Head, bad: float, place: int) -> None:
    x = _random(4, DIM)
    x[1, place] = bad
    with pytest.raises(InvalidArgument, match=f"got {bad} in row 1 of 4"):
        head.proba(x)


def test_nothing_overflows_for_large_logits(head: Head) -> None:
    proba = head.proba(_random(5, DIM) * np.float32(1e6))
    assert np.isfinite(proba).all()
    assert (proba.max(axis=1) <= 1).all()


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
    familiarity = _familiarity(0.0).weighted(odds_weight=1.0, distance_weight=0.0, most_odds=9.0)
    flagging = familiarity.flagging(float(np.log(0.9 / 0.1)))  # scores below 0.9
    plain, timid = (head.calibrated(Calibration(t), flagging) for t in (1.0, 5.0))
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
        spoilt[name] = np.full(spoilt[name].shape, np.nan, np.float32)
    else:
        spoilt[name] = np.zeros((*spoilt[name].shape, 2), spoilt[name].dtype)
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


def test_arrays_over_other_blocks_are_refused(head: Head) -> None:
    more = Blocks((*head.blocks.blocks, Block(1)))
    with pytest.raises(DataLoss, match=rf"\b{DIM + 1}\b"):
        from_arrays(head.kind, head.labels, head.to_arrays() | more.to_arrays())


@pytest.mark.parametrize("name", FLAGGING)
def test_familiarity_that_is_half_there_is_refused_and_not_left_out(name: str) -> None:
    arrays = VARIANTS[name].to_arrays()
    del arrays[CENTRE]
    with pytest.raises(DataLoss, match=CENTRE):
        from_arrays(VARIANTS[name].kind, LABELS, arrays)


def test_the_doubt_that_a_missing_part_leaves_is_not_called_unknown() -> None:
    head = VARIANTS["linear-lacking"]
    assert head.familiarity is not None
    x = _random(40, DIM)
    strict = head.familiarity.weighted(odds_weight=1.0, distance_weight=0.0, most_odds=4.0)
    flagging = head.calibrated(head.calibration, strict.flagging(4.0))
    assert flagging.answer(x).unknown.any()
    x[:, 15:] = 0
    assert not flagging.answer(x).unknown.any()
    far = head.familiarity.weighted(odds_weight=0.0, distance_weight=1.0, most_odds=4.0)
    assert head.calibrated(head.calibration, far.flagging(0.0)).answer(x).unknown.all()


def test_a_temperature_of_zero_is_refused(head: Head) -> None:
    arrays = head.to_arrays() | {"temperature": np.zeros(1, np.float32)}
    with pytest.raises(DataLoss, match="temperature"):
        from_arrays(head.kind, head.labels, arrays)


def test_an_unknown_kind_says_what_is_known_and_what_to_do() -> None:
    with pytest.raises(FailedPrecondition, match=r"class_mean, linear, mlp; upgrade.*'forest'"):
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
