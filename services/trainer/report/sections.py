"""The parts of the report page, each a pure function of the Evaluation; HTML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.nouns import noun
from services.trainer.report.markup import (
    bar,
    figure,
    gallery,
    listing,
    ranged,
    row,
    scale,
    section,
    table,
    text,
)
from services.trainer.report.pairs import Mixed, mixed, mixed_up
from services.trainer.report.plain import count, percent
from services.trainer.report.weakness import weaknesses
from services.trainer.report.words import candidate, headline, meaning

MAX_CLASSES = 200
MAX_MATRIX = 20
MAX_PAIRS = 20
MAX_PAIRS_BESIDE_MATRIX = 8
MAX_PICTURES = 60
_PLAIN = {
    "picture": "Is the thing to see at all?",
    "text": "Does the text say it at all?",
    "item": "Do the picture and the text tell it at all?",
}
MAX_PICTURES_OF_PAIR = 3
MAX_PICTURED_PAIRS = 3
_NONE = "no label"


def hero(evaluation: pb.Evaluation) -> str:
    """The headline number, its range drawn to scale, and what to make of it."""
    number = ""
    if evaluation.HasField("accuracy"):
        number = f'<div class="number">{percent(evaluation.accuracy.estimate)}</div>'
    top = f'<div class="hero">{number}<p class="words">{text(headline(evaluation))}</p></div>'
    warnings = listing(evaluation.data.warnings, kind="warnings")
    body = top + _scale(evaluation) + "<h3>What this means</h3>" + listing(meaning(evaluation))
    return f"<section>{body}{warnings}</section>"


def _scale(evaluation: pb.Evaluation) -> str:
    """0 to 100% with the range, the estimate and the most common class; nothing unmeasured."""
    if not evaluation.HasField("accuracy"):
        return ""
    found = evaluation.accuracy
    counts = [c.example_count for c in evaluation.per_class]
    guess = 100 * max(counts, default=0) / max(sum(counts), 1)
    guessing = "" if evaluation.several_labels else _guessing(guess)
    return scale(found, "Accuracy on a scale from 0 to 100%", mark=guessing)


def _guessing(guess: float) -> str:
    return (
        f'<line class="guess" x1="{guess:.1f}%" x2="{guess:.1f}%" y1="2" y2="24"/>'
        f'<text x="{min(max(guess, 12), 80):.1f}%" y="38" text-anchor="middle">guessing</text>'
    )


def classes(evaluation: pb.Evaluation) -> str:
    """One line a class, the weakest first."""
    ordered = sorted(evaluation.per_class, key=lambda c: (c.recall.estimate, c.label))
    shown = ordered[:MAX_CLASSES]
    left = len(ordered) - len(shown)
    more = [f"{left:,} better classes are left out here; the JSON report has all."] if left else []
    head = ("Class", "Examples", "Found", "Right when named", "False alarms", "Missed")
    lead = (
        "“Found”: of all examples of the class, how many were recognised. “Right when named”: of "
        "all answers with this name, how many were right. “False alarms”: how many examples of "
        "other classes were given this name. “Missed”: how many of the class were called something "
        "else. Below each number, and as a thin line, stands the range that holds the truth in 95 "
        "of 100 cases. Weakest class first."
    )
    lines = table(head, [_class(c) for c in shown])
    advice = listing(weaknesses(evaluation))
    title = "Class by class"
    return section(title, "", advice, f'<p class="lead">{text(lead)}</p>', lines, listing(more))


def _class(found: pb.ClassEvaluation) -> str:
    return row(
        text(found.label),
        f"{found.example_count:,}",
        bar(found.recall if found.HasField("recall") else None),
        bar(found.precision if found.HasField("precision") else None),
        _share(found, "false_positive_rate"),
        _share(found, "false_negative_rate"),
    )


def _share(found: pb.ClassEvaluation, name: str) -> str:
    interval: pb.Interval = getattr(found, name)
    return ranged(interval) if found.HasField(name) else '<span class="none">not known</span>'


def confusions(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse] | None = None) -> str:
    """Who is mixed up with whom: in words with examples, and as a matrix where it fits."""
    drawn = _matrix(evaluation.confusion)
    most = MAX_PAIRS_BESIDE_MATRIX if drawn else MAX_PAIRS
    pairs = mixed_up(evaluation)[:most]
    words = listing(mixed(pair) for pair in pairs)
    if not words:
        words = "<p>Nothing was mixed up among the held-out examples.</p>"
    shown = (_pictured(evaluation, pair, glimpses or {}) for pair in pairs[:MAX_PICTURED_PAIRS])
    return section("What is mixed up with what", "", words, *shown, drawn)


def _pictured(evaluation: pb.Evaluation, pair: Mixed, glimpses: Mapping[str, Glimpse]) -> str:
    """Some examples of each side that were taken for the other."""
    sides: dict[tuple[str, str], list[str]] = {
        (pair.first, pair.second): [],
        (pair.second, pair.first): [],
    }
    for found in evaluation.mistakes:
        side = sides.get((found.truth, found.answer))
        if side is not None and len(side) < MAX_PICTURES_OF_PAIR and found.sha256 in glimpses:
            side.append(_figure(found, glimpses[found.sha256]))
    figures = [shown for side in sides.values() for shown in side]
    title = f"<h3>{text(pair.first)} and {text(pair.second)}</h3>"
    return title + gallery(figures) if figures else ""


def _matrix(matrix: pb.ConfusionMatrix) -> str:
    labels, counts = list(matrix.labels), list(matrix.counts)
    n = len(labels)
    if not counts or n > MAX_MATRIX:
        return ""
    rows = [_matrix_row(label, i, counts[i * n : (i + 1) * n]) for i, label in enumerate(labels)]
    lead = "<h3>All answers</h3><p class=lead>Rows: what it is. Columns: what it was called.</p>"
    return lead + table(["", *labels], rows, kind="matrix")


def _matrix_row(label: str, at: int, counts: Sequence[int]) -> str:
    total = max(sum(counts), 1)
    cells = []
    for i, number in enumerate(counts):
        colour = "--right" if i == at else "--wrong"
        shade = f"background:rgba(var({colour}),{number / total * 0.75:.2f})"
        cells.append(f'<td style="{shade}">{number or ""}</td>')
    return f'<tr><th scope="row">{text(label)}</th>{"".join(cells)}</tr>'


def mistakes(evaluation: pb.Evaluation, glimpses: Mapping[str, Glimpse]) -> str:
    """What it gets wrong, the most confident errors first."""
    shown = list(evaluation.mistakes)[:MAX_PICTURES]
    if not shown:
        return ""
    total = len(evaluation.mistakes)
    lead = (
        "Each was answered by a model that had not seen it. The most confident errors come first: "
        f"is the label right? {_PLAIN[noun(evaluation.data)]} Are there others like it among the "
        f"examples? Shown: {len(shown)} of {total}."
    )
    figures = [_figure(found, glimpses.get(found.sha256)) for found in shown]
    return section("What it gets wrong", lead, gallery(figures))


def _figure(found: pb.Mistake, glimpse: Glimpse | None) -> str:
    caption = (
        f"Is <b>{text(found.truth or _NONE)}</b>, was called <b>{text(found.answer or _NONE)}</b> "
        f"({percent(found.score)} sure)"
    )
    return figure(glimpse, found.truth, caption, found.path)


def tried(evaluation: pb.Evaluation) -> str:
    """The search table."""
    head = ("Candidate", "Log loss", "± error", "Right", "Seconds", "Why")
    lead = (
        "Every candidate answered the same held-out examples. The log loss (lower is better) "
        "punishes wrong answers more the surer they were; the choice is made by it."
    )
    rows = [_candidate(found) for found in evaluation.candidates]
    return section("What was tried", lead, table(head, rows, kind="tried"))


def _candidate(found: pb.Candidate) -> str:
    return row(
        text(candidate(found)),
        f"{found.log_loss:.3f}" if found.HasField("log_loss") else "–",
        f"{found.log_loss_standard_error:.3f}"
        if found.HasField("log_loss_standard_error")
        else "–",
        percent(found.accuracy) if found.HasField("accuracy") else "–",
        f"{found.duration.ToTimedelta().total_seconds():.2f}",
        text(found.reason),
        kind="chosen" if found.chosen else "",
    )


def data(evaluation: pb.Evaluation) -> str:
    """What came in and what was left out, with reasons."""
    found = evaluation.data
    marks = "boxes" if evaluation.HasField("detection") else "labels"
    facts = (
        (found.example_count, "examples used"),
        (len(evaluation.per_class), "classes"),
        (found.rejected_count, "examples refused"),
        (found.duplicate_count, "exact copies, used once"),
        (found.conflict_count, f"under different {marks}, left out"),
    )
    boxes = "".join(f"<div><b>{n:,}</b><span>{text(what)}</span></div>" for n, what in facts)
    issues = [row(text(i.path), text(", ".join(i.labels)), text(i.message)) for i in found.issues]
    listed = ""
    if issues:
        wide = table(("Where", "Label", "What is wrong"), issues)
        title = count(len(issues), "file") + " with a problem"
        listed = f"<details open><summary>{text(title)}</summary>{wide}</details>"
    return section("The data", "", f'<div class="facts">{boxes}</div>', listed)
