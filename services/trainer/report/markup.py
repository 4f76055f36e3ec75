"""The few pieces of HTML that the page is made of. Everything from outside is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.glimpses import Glimpse
from services.trainer.report.plain import percent, span


def text(value: object) -> str:
    """Any value as escaped text, safe in an element and in a quoted attribute.

    Control and direction characters, which could forge the look of a line, become visible.
    """
    return escape(
        "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    )


def section(title: str, lead: str, *parts: str) -> str:
    """A titled part of the page; `lead` is plain text, `parts` are HTML."""
    opening = f'<p class="lead">{text(lead)}</p>' if lead else ""
    return f"<section><h2>{text(title)}</h2>{opening}{''.join(parts)}</section>"


def listing(sentences: Iterable[str], *, kind: str = "") -> str:
    """A list of plain-text sentences; nothing for none."""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{text(kind)}">{items}</ul>' if items else ""


def table(head: Sequence[str], rows: Iterable[str], *, kind: str = "") -> str:
    """A table that scrolls sideways in a narrow window; `rows` are HTML, `head` plain text."""
    cells = "".join(f'<th scope="col">{text(title)}</th>' for title in head)
    return (
        f'<div class="scroll"><table class="{text(kind)}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(*cells: str, kind: str = "") -> str:
    """A table row; the first cell names it. Cells are HTML."""
    first, *rest = cells
    body = "".join(f"<td>{cell}</td>" for cell in rest)
    return f'<tr class="{text(kind)}"><th scope="row">{first}</th>{body}</tr>'


def bar(found: pb.Interval | None) -> str:
    """A share as a bar, its range drawn as a line across the end; number and range beside it."""
    if found is None:
        return '<span class="none">not known</span>'
    spoken = f"{percent(found.estimate)}, between {percent(found.low)} and {percent(found.high)}"
    return (
        f'<span class="bar" title="{spoken}"><svg viewBox="0 0 100 10" preserveAspectRatio="none" '
        f'role="img" aria-label="{spoken}"><rect class="track" width="100" height="10"/>'
        f'<rect class="fill" width="{100 * found.estimate:.1f}" height="10"/>'
        f'<rect class="range" x="{100 * found.low:.1f}" y="4" '
        f'width="{100 * (found.high - found.low):.1f}" height="2"/></svg>{ranged(found)}</span>'
    )


def ranged(found: pb.Interval) -> str:
    """A share with its range below it."""
    return f'<span class="ranged"><b>{percent(found.estimate)}</b><i>{span(found)}</i></span>'


def scale(
    found: pb.Interval, spoken: str, *, ends: tuple[str, str] = ("0%", "100%"), mark: str = ""
) -> str:
    """A share on a scale from 0 to 1 with its range; `mark` is SVG that stands in it too."""
    low, mid, high = 100 * found.low, 100 * found.estimate, 100 * found.high
    return (
        f'<svg class="scale" role="img" aria-label="{text(spoken)}">'
        '<rect class="track" y="8" width="100%" height="10" rx="5"/>'
        f'<rect class="range" x="{low:.1f}%" y="8" width="{high - low:.1f}%" height="10"/>'
        f'<circle class="point" cx="{mid:.1f}%" cy="13" r="8"/>'
        f'<text x="0" y="38">{text(ends[0])}</text>'
        f'<text x="100%" y="38" text-anchor="end">{text(ends[1])}</text>{mark}</svg>'
    )


def share(value: float, *, kind: str = "") -> str:
    """A share without a range as a bar, the number beside it."""
    return (
        f'<span class="bar {text(kind)}"><svg viewBox="0 0 100 10" preserveAspectRatio="none" '
        f'role="img" aria-label="{percent(value)}"><rect class="track" width="100" height="10"/>'
        f'<rect class="fill" width="{100 * value:.1f}" height="10"/></svg>'
        f"<b>{percent(value)}</b></span>"
    )


def picture(glimpse: Glimpse | None, description: str) -> str:
    """A JPEG within the page, a text, or one above the other; a placeholder where there is none."""
    if glimpse is None:
        return '<span class="missing">not shown</span>'
    if isinstance(glimpse, tuple):
        return "".join(picture(one, description) for one in glimpse)
    if isinstance(glimpse, str):
        return f"<blockquote>{text(glimpse)}</blockquote>"
    data = base64.b64encode(glimpse).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{text(description)}">'


def gallery(figures: Iterable[str], *, kind: str = "") -> str:
    """Examples with captions in a grid; nothing for none."""
    body = "".join(figures)
    return f'<div class="grid {text(kind)}">{body}</div>' if body else ""


def figure(glimpse: Glimpse | None, description: str, caption: str, path: str) -> str:
    """An example with its caption (HTML) and where it came from below."""
    return (
        f"<figure>{picture(glimpse, description)}<figcaption>{caption}"
        f'<span class="path">{text(path)}</span></figcaption></figure>'
    )


def folded(title: str, body: str) -> str:
    """HTML that is shown on a click; nothing for none."""
    return f"<details><summary>{text(title)}</summary>{body}</details>" if body else ""
