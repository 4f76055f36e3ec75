"""What the report says of a search, and what it leaves out when time is short."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from graft.embedder.v1 import backbone_pb2
from graft.errors import Cancelled
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer import assessment as module
from services.trainer.assessment import TIMED_STEPS, Subject, _Meter, _Spent, assess
from services.trainer.evaluate.proto import Source
from services.trainer.search import run
from services.trainer.search.bank import Bank
from services.trainer.search.cuts import DEFAULT
from services.trainer.search.run import search

N, LABELS = 90, ("a", "b", "c")


@pytest.fixture(scope="module")
def bank() -> Bank:
    rng, y = np.random.default_rng(0), np.arange(N) % len(LABELS)
    x = np.eye(len(LABELS), 12)[y] * 3 + rng.normal(size=(N, 12))
    return Bank({DEFAULT: x.astype(np.float32)}, y, LABELS, np.arange(N))


@pytest.fixture(scope="module")
def subject(bank: Bank) -> Subject:
    return Subject(
        found=search(bank),
        bank=bank,
        alike=bank.groups,
        backbone=backbone_pb2.Backbone(name="backbones/b"),
        sources=[Source(f"{n}.png", f"{n:064x}") for n in range(N)],
        data=pb.DataSummary(example_count=N),
        seed=0,
        left_s=lambda: 1e9,
    )


def with_time(subject: Subject, left_s: float) -> Subject:
    return replace(subject, left_s=lambda: left_s)


def test_with_time_enough_all_is_told(subject: Subject) -> None:
    found = assess(subject).evaluation
    assert found.HasField("accuracy")
    assert found.HasField("learning_curve")
    assert found.HasField("separation")
    assert {one.name for one in found.baselines} >= {"majority class", "random forest"}
    assert found.unknown_check.HasField("auroc")


def test_without_time_what_everybody_needs_is_told(subject: Subject) -> None:
    assessed = assess(with_time(subject, 0.0))
    found = assessed.evaluation
    assert found.HasField("accuracy")
    familiarity = assessed.found.head.familiarity
    assert familiarity is not None
    assert found.unknown_threshold == familiarity.below
    assert "head" in {one.subject for one in found.decisions}
    assert not found.HasField("learning_curve")
    assert not found.unknown_check.HasField("auroc")
    assert len(found.baselines) == len(found.suspects) == 0


def test_of_several_labels_scores_are_told_and_what_is_left_out_is_said() -> None:
    rng = np.random.default_rng(0)
    borne = rng.random((N, 3)) < 0.4
    borne[1] = borne[0]
    x = borne @ np.eye(3, 12) * 4 + rng.normal(size=(N, 12))
    groups = np.maximum(np.arange(N) - 1, 0)  # the first two are nearly the same
    bank = Bank({DEFAULT: x.astype(np.float32)}, borne, LABELS, groups)
    sources = [Source(f"{n}.png", f"{n:064x}") for n in range(N)]
    data, backbone = pb.DataSummary(example_count=N), backbone_pb2.Backbone(name="backbones/b")
    left = (lambda: 0.0, lambda: 1e9)
    for left_s in left:
        assessed = assess(Subject(search(bank), bank, groups, backbone, sources, data, 0, left_s))
        found = assessed.evaluation
        assert found.several_labels
        assert found.accuracy.estimate > 0.4
        assert found.micro_f1 > 0.6
        assert all(one.HasField("average_precision") for one in found.per_class)
        thresholds = assessed.found.head.calibration.thresholds
        assert thresholds is not None
        assert [one.threshold for one in found.per_class] == pytest.approx(thresholds.tolist())
        assert "report" in {one.subject for one in found.decisions}
        assert not found.HasField("learning_curve")
        assert not found.HasField("separation")
        assert len(found.baselines) == len(found.suspects) == len(found.confusion.counts) == 0
        assert found.unknown_check.measured_kept_share > 0.9
    (group,) = found.near_duplicates
    assert [one.path for one in group.members] == ["0.png", "1.png"]
    assert not group.labels_differ


def test_copies_that_were_held_out_from_each_other_are_told_and_count_together(
    subject: Subject,
) -> None:
    """The examples of the first class look like copies of one, and were taken apart."""
    assert subject.bank.groups.tolist() == list(range(N))
    alike = np.where(subject.bank.y == 0, N, np.arange(N))
    plain, found = (assess(replace(subject, alike=a)).evaluation for a in (np.arange(N), alike))
    assert not plain.near_duplicates
    (group,) = found.near_duplicates
    assert len(group.members) == 20
    assert group.sentence.startswith("30 pictures are nearly the same, all under a:")
    assert "they were held out from each other" in group.sentence
    assert found.accuracy.high - found.accuracy.low > plain.accuracy.high - plain.accuracy.low
    assert found.per_class[0].recall.low < 0.3 < plain.per_class[0].recall.low
    assert found.per_class[1].recall == plain.per_class[1].recall
    assert "61 differ" in found.interval_method


def test_a_part_that_needs_more_time_than_is_left_is_given_up(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)

    def monotonic() -> float:  # every look at the clock is a second later
        clock.now += 1.0
        return float(clock.now)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))
    found = assess(with_time(subject, 5.0)).evaluation
    assert not found.HasField("learning_curve")
    assert len(found.baselines) > 0


def test_the_rest_of_a_part_is_told_from_its_first_steps(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr(module, "time", clock)
    work = [1, 1, 2, 4]  # after three steps, half of the work
    short, enough = (
        _Meter(with_time(subject, 9.9), work),
        _Meter(with_time(subject, 10.1), work),
    )
    for step in range(TIMED_STEPS):
        clock.monotonic = lambda at=step: 5.0 * at
        short.step()
        enough.step()
    clock.monotonic = lambda: 10.0
    enough.step()
    with pytest.raises(_Spent):
        short.step()


def test_a_cancellation_ends_the_report_between_fits(subject: Subject) -> None:
    calls = iter(range(5))

    def tick() -> None:
        if next(calls, None) is None:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        assess(replace(subject, tick=tick))


def test_a_head_fitted_to_very_many_is_told_on_those_that_it_had_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "MAX_COMPARED", 60)
    rng, y = np.random.default_rng(0), np.arange(3_000) % len(LABELS)
    x = np.eye(len(LABELS), 12)[y] + rng.normal(size=(len(y), 12))
    bank = Bank({DEFAULT: x.astype(np.float32)}, y, LABELS, np.arange(len(y)))
    subject = Subject(
        found=search(bank),
        bank=bank,
        alike=bank.groups,
        backbone=backbone_pb2.Backbone(name="backbones/b"),
        sources=[Source(f"{n}.png", f"{n:064x}") for n in range(len(y))],
        data=pb.DataSummary(example_count=len(y)),
        seed=0,
        left_s=lambda: 1e9,
    )
    assert len(subject.found.kept) < len(y)
    found = assess(subject).evaluation
    assert found.evaluated_count == len(subject.found.kept)
    assert found.HasField("separation")
    assert len(found.baselines) == 0  # they would learn from fewer examples than the model
