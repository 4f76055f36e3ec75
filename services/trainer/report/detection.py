"""What only the report of a detector says: pure functions of the Evaluation; HTML."""

from __future__ import annotations

from typing import Final

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report import detection_words as words
from services.trainer.report.curve import numbers, plot
from services.trainer.report.markup import (
    bar,
    folded,
    listing,
    row,
    scale,
    section,
    share,
    table,
    text,
)
from services.trainer.report.plain import percent

MAX_CLASSES: Final = 200

_CLASSES: Final = (
    "“Found”: of all things of the class, how many got a box. “Right when drawn”: of all boxes "
    "with this label, how many lie on such a thing. “Drawn from”: the score from which on a box "
    "counts, chosen so that the two are balanced; with a lower one more is found and more of it is "
    "wrong. “Score”: the one above, of this class alone; no threshold has a part in it. Below each "
    "number, and as a thin line, stands the range that holds the truth in 95 of 100 cases. Weakest "
    "class first."
)
_SORTED: Final = (
    "Every box from its threshold on is right or wrong in one way; a thing that got no box is "
    "missed."
)
_CURVE: Final = (
    "Dots: trained on a part of the pictures and tested on others. Dashed: what to expect with "
    "more pictures. The area and the lines hold the truth in 8 of 10 cases. New pictures are taken "
    "to be like those that are there."
)
_COUNTS: Final = (
    "How well it tells how many there are in a picture. “Off by”: how far the number is from the "
    "truth, on average; “leans”: to which side."
)
_BANDS: Final = {
    "small": "small: below 32 x 32 pixels",
    "medium": "medium: from there to 96 x 96",
    "large": "large: 96 x 96 and above",
}


def hero(evaluation: pb.Evaluation) -> str:
    """The headline score, its range drawn to scale, how it was measured, and what to make of it."""
    found, number, drawn = evaluation.detection, "", ""
    if found.HasField("map50"):
        number = f'<div class="number">{100 * found.map50.estimate:.0f}<small>of 100</small></div>'
        drawn = scale(found.map50, "Score on a scale from 0 to 100", ends=("0", "100"))
    top = f'<div class="hero">{number}<p class="words">{text(words.headline(evaluation))}</p></div>'
    warnings = listing(evaluation.data.warnings, kind="warnings")
    method = f'<p class="method">{text(evaluation.interval_method)}</p>'
    told = "<h3>What this means</h3>" + listing(words.meaning(evaluation))
    return f"<section>{top}{drawn}{told}{method}{warnings}</section>"


def classes(evaluation: pb.Evaluation) -> str:
    """One line a class, the weakest first; nothing where nothing was measured."""
    scored = [found for found in evaluation.per_class if found.HasField("recall")]
    if not scored:
        return ""
    things = {one.label: one.hit + one.missed for one in evaluation.detection.errors}
    ordered = sorted(scored, key=lambda found: (found.recall.estimate, found.label))
    rows = [_class(found, things.get(found.label, 0)) for found in ordered[:MAX_CLASSES]]
    left = len(ordered) - MAX_CLASSES
    more = [f"{left:,} better classes are left out here; the JSON report has all."]
    head = ("Class", "Things", "Found", "Right when drawn", "Drawn from", "Score")
    lines = table(head, rows)
    return section("Class by class", _CLASSES, lines, listing(more if left > 0 else []))


def _class(found: pb.ClassEvaluation, things: int) -> str:
    return row(
        text(found.label),
        f"{things:,}",
        bar(found.recall),
        bar(found.precision if found.HasField("precision") else None),
        f"{found.threshold:.2f}" if found.HasField("threshold") else "–",
        percent(found.average_precision) if found.HasField("average_precision") else "–",
    )


def outlook(evaluation: pb.Evaluation) -> str:
    """What more pictures would bring, in words and drawn; nothing where it was not measured."""
    found = evaluation.detection
    if not found.outlook:
        return ""
    drawn = plot(
        found.measured,
        found.forecast,
        counted="pictures",
        spoken="Score by the number of pictures: " + found.outlook,
    )
    told = numbers(found.measured, found.forecast, counted="Pictures", score="Score")
    how = folded("How this was found", f"<p>{text(_CURVE)}</p>{told}") if drawn else ""
    return section("Would more pictures help?", found.outlook, drawn, how)


def errors(evaluation: pb.Evaluation) -> str:
    """What goes wrong, sorted, with what to do about the most frequent kind."""
    found = evaluation.detection
    if not found.errors:
        return ""
    wrong = words.totals(found).wrong
    whole = max(sum(wrong.values()), 1)
    kinds = sorted(wrong, key=lambda kind: -wrong[kind])
    rows = [row(text(words.KINDS[k]), f"{wrong[k]:,}", share(wrong[k] / whole)) for k in kinds]
    sorts = table(("What goes wrong", "Times", "Of all that goes wrong"), rows)
    return section(
        "What goes wrong",
        "",
        f"<p>{text(words.advice(found))}</p>",
        sorts if any(wrong.values()) else "",
        folded("Class by class", _by_class(found)),
    )


def _by_class(found: pb.DetectionEvaluation) -> str:
    head = ("Class", "Right", "Missed", "Nothing there", "Beside", "Other class", "Second box")
    rows = [
        row(
            text(one.label),
            *(f"{n:,}" for n in (one.hit, one.missed, one.background)),
            *(f"{n:,}" for n in (one.wrong_place, one.wrong_class, one.duplicate)),
        )
        for one in found.errors[:MAX_CLASSES]
    ]
    return f"<p>{text(_SORTED)}</p>{table(head, rows)}"


def sizes(evaluation: pb.Evaluation) -> str:
    """How things of each size fare; nothing where nothing was measured."""
    found = evaluation.detection
    if not any(band.thing_count for band in found.bands):
        return ""
    rows = [
        row(
            text(_BANDS.get(band.name, band.name)),
            f"{band.thing_count:,}",
            share(band.map50) if band.HasField("map50") else '<span class="none">none</span>',
        )
        for band in found.bands
    ]
    head = ("Size in your pictures", "Things", "Score")
    return section("Small and large things", words.by_size(found), table(head, rows))


def counts(evaluation: pb.Evaluation) -> str:
    """Counts against the truth; nothing where no class could be counted."""
    found = evaluation.detection.counts
    if not found:
        return ""
    rows = [
        row(
            text(one.label),
            f"{one.picture_count:,}",
            percent(one.exact_share),
            f"{one.mean_absolute_error:.1f}",
            text(words.lean(one)),
        )
        for one in found[:MAX_CLASSES]
    ]
    head = ("Class", "Pictures", "Counted right", "Off by", "Leans")
    return section("Can it count?", _COUNTS, table(head, rows))
