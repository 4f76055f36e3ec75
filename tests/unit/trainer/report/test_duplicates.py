from __future__ import annotations

from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.duplicates import MAX_GROUPS, MAX_MEMBERS, duplicates, shown
from tests.support.copies import jpeg, scene

JPEG = jpeg(scene(1, size=(40, 30)))


def evaluation(groups: int, members: int) -> pb.Evaluation:
    found = pb.Evaluation()
    for number in range(groups):
        group = found.near_duplicates.add(sentence=f"group <{number}>")
        for member in range(members):
            group.members.add(path=f"{number}/{member}.jpg", sha256=f"{number}-{member}", label="a")
    return found


def test_nothing_without_groups() -> None:
    assert duplicates(pb.Evaluation(), {}) == ""
    assert shown(pb.Evaluation()) == set()


def test_groups_are_shown_with_their_pictures_and_escaped() -> None:
    page = duplicates(evaluation(1, 2), {"0-0": JPEG})
    assert page.count("<img ") == 1
    assert page.count("not shown") == 1
    assert "group &lt;0&gt;" in page
    assert "1 group of pictures" in page


def test_what_is_too_much_is_listed_and_asks_for_no_picture() -> None:
    found = evaluation(MAX_GROUPS + 3, MAX_MEMBERS + 2)
    page = duplicates(found, dict.fromkeys(shown(found), JPEG))
    assert page.count("<img ") == len(shown(found)) == MAX_GROUPS * MAX_MEMBERS
    assert "3 more groups" in page
    assert f"{MAX_GROUPS + 2}/0.jpg" in page


def test_texts_are_shown_as_texts_and_nothing_is_said_of_pictures() -> None:
    found = evaluation(1, 2)
    found.data.modality = backbone_pb2.MODALITY_TEXT
    page = duplicates(found, {"0-0": "Grüße <b>", "0-1": "Grüße"})
    assert page.count("<blockquote>") == 2
    assert "Grüße &lt;b&gt;" in page
    assert "1 group of texts" in page
    assert "picture" not in page
