"""Confused pairs: both directions together, with a range, and advice that fits the case."""

from __future__ import annotations

import pytest

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.pairs import Mixed, mixed, mixed_up
from services.trainer.report.sections import confusions
from tests.support.page import Page


def _evaluation() -> pb.Evaluation:
    """10 hoodies, 4 of them called longsleeve; 15 longsleeves, 1 called hoodie; 5 hats, all right.

    Only what the pairs say of truth and share: the matrix is left to each test.
    """
    found = pb.Evaluation()
    for label, number in (("hat", 5), ("hoodie", 10), ("longsleeve", 15)):
        found.per_class.add(label=label, example_count=number + 1)  # one was never held out
    found.confusion.pairs.add(truth="hoodie", answer="longsleeve", count=4, share=0.4)
    found.confusion.pairs.add(truth="longsleeve", answer="hoodie", count=1, share=1 / 15)
    return found


def test_both_directions_are_one_pair_of_all_that_were_held_out() -> None:
    assert mixed_up(_evaluation()) == [Mixed("hoodie", "longsleeve", 4, 1, 25)]


def test_the_number_held_out_of_a_class_that_was_always_right_is_that_of_the_matrix() -> None:
    found = _evaluation()
    del found.confusion.pairs[1]
    assert mixed_up(found) == [Mixed("hoodie", "longsleeve", 4, 0, 26)]  # the best guess
    found.confusion.labels.extend(["hat", "hoodie", "longsleeve"])
    found.confusion.counts.extend([5, 0, 0, 0, 6, 4, 0, 0, 15])
    assert mixed_up(found) == [Mixed("hoodie", "longsleeve", 4, 0, 25)]


def test_the_pair_with_most_cases_comes_first() -> None:
    found = _evaluation()
    found.confusion.pairs.add(truth="hat", answer="hoodie", count=3, share=0.6)
    found.confusion.pairs.add(truth="hoodie", answer="hat", count=3, share=0.3)
    assert [(p.first, p.second) for p in mixed_up(found)] == [
        ("hat", "hoodie"),
        ("hoodie", "longsleeve"),
    ]


def test_a_pair_in_words_has_share_count_range_and_advice() -> None:
    assert mixed(Mixed("hoodie", "longsleeve", 5, 4, 50)) == (
        "hoodie and longsleeve are mixed up in 18% of cases (9 of 50, 10% to 31% of new ones): "
        "5 hoodie called longsleeve, 4 the other way round. Merge them, or add examples of both "
        "that differ in just what tells them apart."
    )


@pytest.mark.parametrize(
    ("pair", "advice"),
    [
        (Mixed("a", "b", 1, 1, 50), "So few may be chance"),
        (Mixed("a", "b", 12, 10, 50), "They are hardly told apart: merge them, unless"),
        (Mixed("a", "b", 6, 2, 50), "Add examples of a that look most like b"),
        (Mixed("a", "b", 6, 0, 50), "all of them a called b. Add examples of a"),
        (Mixed("a", "b", 6, 3, 50), "Merge them, or add examples of both"),
    ],
)
def test_the_advice_fits_the_case(pair: Mixed, advice: str) -> None:
    assert advice in mixed(pair)


def test_the_pictures_of_a_pair_stand_below_it() -> None:
    found = _evaluation()
    for number in range(5):
        found.mistakes.add(
            path=f"h{number}.jpg",
            sha256=f"{number}" * 64,
            truth="hoodie",
            answer="longsleeve",
            score=0.9,
        )
    found.mistakes.add(path="other.jpg", sha256="9" * 64, truth="hat", answer="hoodie", score=0.9)
    thumbnails = {f"{number}" * 64: b"jpeg" for number in (0, 1, 2, 3, 9)}
    page = Page(confusions(found, thumbnails))
    assert page.count("img") == 3
    assert "h0.jpg" in page.text
    assert "other.jpg" not in page.text
    assert Page(confusions(found)).count("img") == 0


def test_nothing_mixed_up_is_said() -> None:
    assert "Nothing was mixed up" in Page(confusions(pb.Evaluation())).text
    assert mixed_up(pb.Evaluation()) == []


def test_five_thousand_classes_without_a_matrix() -> None:
    found = pb.Evaluation()
    for number in range(5000):
        found.per_class.add(label=f"class {number}", example_count=2)
    found.confusion.labels.extend(f"class {number}" for number in range(5000))
    for number in range(50):
        found.confusion.pairs.add(
            truth=f"class {number}", answer=f"class {number + 1}", count=1, share=0.5
        )
    assert len(mixed_up(found)) == 50
    assert all(pair.out_of == 4 for pair in mixed_up(found))
