"""The weakest classes in words: the cause that is named is the one that was put in."""

from __future__ import annotations

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.evaluate.intervals import wilson
from services.trainer.report.sections import classes
from services.trainer.report.weakness import MAX_NAMED, weaknesses
from tests.support.page import Page

LABELS = ("ant", "bee", "cow", "dog")


def _evaluation(counts: list[list[int]], labels: tuple[str, ...] = LABELS) -> pb.Evaluation:
    """The evaluation of this confusion matrix."""
    found = pb.Evaluation()
    size, total = len(labels), sum(map(sum, counts))
    for i, label in enumerate(labels):
        truth, called = sum(counts[i]), sum(row[i] for row in counts)
        one = found.per_class.add(label=label, example_count=truth)
        _set(one.recall, counts[i][i], truth)
        _set(one.precision, counts[i][i], called)
        _set(one.false_positive_rate, called - counts[i][i], total - truth)
        _set(one.false_negative_rate, truth - counts[i][i], truth)
    _set(found.accuracy, sum(counts[i][i] for i in range(size)), total)
    found.confusion.labels.extend(labels)
    found.confusion.counts.extend(number for row in counts for number in row)
    return found


def _set(interval: pb.Interval, hits: int, trials: int) -> None:
    share = wilson(hits, trials)
    if share:
        interval.estimate, interval.low, interval.high = share.estimate, share.low, share.high


GOOD = [[20, 0, 0, 0], [0, 20, 0, 0], [0, 0, 20, 0], [0, 0, 0, 20]]


def _with(row: int, counts: list[int]) -> pb.Evaluation:
    return _evaluation([*GOOD[:row], counts, *GOOD[row + 1 :]])


def test_a_class_taken_for_one_other_says_which() -> None:
    first, misused = weaknesses(_with(1, [7, 11, 1, 1]))
    assert first.startswith("bee: 55% are found (34% to 74% of new ones)")
    assert "7 of the 9 missed were called ant: add examples of bee that look like ant" in first
    assert misused.startswith("Of the answers “ant” only 74% are right")
    assert "most of the wrong ones are bee" in misused


def test_a_class_taken_for_two_others_names_both() -> None:
    first = weaknesses(_with(1, [3, 12, 3, 2]))[0]
    assert "6 of the 8 missed were called ant or cow" in first


def test_a_small_class_needs_more_examples() -> None:
    first = weaknesses(_with(3, [2, 2, 1, 1]))[0]
    assert "It has only 6 examples, where the usual class has 20: add more of it." in first


def test_misses_all_over_the_place_point_to_the_examples() -> None:
    labels = tuple("abcdefgh")
    counts = [[20 if i == j else 0 for j in range(8)] for i in range(8)]
    counts[0] = [14, 1, 1, 1, 1, 1, 1, 0]
    assert "called many things: look at its examples" in weaknesses(_evaluation(counts, labels))[0]


def test_where_none_is_weak_it_says_so() -> None:
    assert weaknesses(_evaluation(GOOD)) == [
        "No class stands out as weak: examples of any class help about equally."
    ]


def test_the_page_shows_every_rate_with_its_range() -> None:
    page = Page(classes(_with(1, [7, 11, 1, 1])))
    assert "55%34% to 74%" in page.text  # bees found: 11 of 20
    assert "45%26% to 66%" in page.text  # bees missed
    assert "12%6% to 22%" in page.text  # false alarms of ant: 7 of 60
    assert page.text.index("bee: 55%") < page.text.index("“Found”")


def test_five_thousand_classes_name_a_few_and_the_page_stays_small() -> None:
    found = pb.Evaluation(accuracy=pb.Interval(estimate=0.5, low=0.4, high=0.6))
    for number in range(5000):
        one = found.per_class.add(label=f"class {number}", example_count=2)
        _set(one.recall, number % 3, 2)
    assert len(weaknesses(found)) == MAX_NAMED
    assert len(classes(found)) < 500_000


def test_classes_that_were_never_held_out_are_not_called_weak() -> None:
    found = _evaluation(GOOD)
    found.per_class.add(label="eel", example_count=1)
    assert not any("eel" in sentence for sentence in weaknesses(found))
