"""Near-duplicates, as a part of the page: a pure function; HTML out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.nouns import noun
from services.trainer.report.markup import figure, folded, gallery, listing, section, text
from services.trainer.report.plain import count

MAX_GROUPS: Final = 8
MAX_MEMBERS: Final = 6
"""Examples shown of each group."""

_WORDS: Final = {
    "pictures": (
        "resized, cropped, mirrored or saved anew, or taken of one thing in one go",
        "small versions of all pictures were laid on each other, cropped by up to a tenth and"
        " mirrored, and correlated",
    ),
    "texts": (
        "the same but for case, blanks and punctuation, or for a few words of many",
        "all texts were cut into runs of three words; these share four in five of theirs, as"
        " MinHash estimates it",
    ),
    "items": (
        "in their pictures and in their texts, or in the only part that two of them share",
        "small versions of all pictures were laid on each other, and the texts cut into runs of"
        " three words",
    ),
}
"""What such examples are, and how they were found."""


def shown(evaluation: pb.Evaluation) -> set[str]:
    """The SHA-256 (hex) of the examples that the section has a place for."""
    groups = evaluation.near_duplicates[:MAX_GROUPS]
    return {member.sha256 for group in groups for member in group.members[:MAX_MEMBERS]}


def duplicates(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """The groups of examples that are nearly the same; nothing where there are none."""
    groups = list(evaluation.near_duplicates)
    if not groups:
        return ""
    nouns = f"{noun(evaluation.data)}s"
    how, found = _WORDS[nouns]
    lead = (
        f"{count(len(groups), 'group')} of {nouns} nearly the same: {how}. When the model was"
        " tested, each group was either learnt from or asked about as a whole, so that no answer"
        f" was a memory, unless the group says otherwise. Do the same with {nouns} of your own that"
        " you test it on."
    )
    body = "".join(_group(group, glimpses) for group in groups[:MAX_GROUPS])
    rest = [_line(group) for group in groups[MAX_GROUPS:]]
    more = folded(f"{count(len(rest), 'more group')}", listing(rest))
    method = f'<p class="method">How they were found: {text(found)}.</p>'
    return section("Nearly the same", lead, body, more, method)


def _group(group: pb.DuplicateGroup, glimpses: Mapping[str, Glimpse]) -> str:
    figures = [
        figure(
            glimpses.get(member.sha256),
            member.label,
            f"Labelled <b>{text(member.label)}</b>",
            member.path,
        )
        for member in group.members[:MAX_MEMBERS]
    ]
    return f"<p>{text(group.sentence)}</p>{gallery(figures)}"


def _line(group: pb.DuplicateGroup) -> str:
    return f"{group.sentence} {', '.join(member.path for member in group.members)}"
