"""How a score grows with the number of examples: a plot, and the numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.markup import row, table, text
from services.trainer.report.plain import percent

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 12, 44
_GRID = 0.1  # of the score, between two lines of the grid

Points = Sequence[pb.LearningPoint]


def plot(measured: Points, forecast: Points, *, counted: str, spoken: str) -> str:
    """The curve as HTML; nothing for fewer than two points. `counted` names what is counted below
    the plot, `spoken` is what a screen reader says; both are plain text."""
    points = [p for p in [*measured, *forecast] if p.examples_per_class > 0]
    if len(points) < 2:
        return ""
    axes = _axes(points)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(spoken)}" '
        'style="width:100%;max-width:760px;display:block;font-size:12px">'
        f"{_grid(axes)}{_band(forecast, axes)}{_dots(measured, axes)}"
        f"{_ticks(points, axes, counted)}</svg>"
    )


def numbers(measured: Points, forecast: Points, *, counted: str, score: str) -> str:
    """Every point in a table; `counted` and `score` head its columns."""
    kinds = [("measured", p) for p in measured] + [("expected", p) for p in forecast]
    rows = [
        row(
            text(_size(point.examples_per_class)),
            percent(point.accuracy.estimate),
            f"{percent(point.accuracy.low)} to {percent(point.accuracy.high)}",
            kind,
        )
        for kind, point in kinds
    ]
    return table((counted, score, "Range", ""), rows)


@dataclass(frozen=True)
class _Axes:
    """From a number of examples and a score to a place in the plot; examples are drawn on a
    logarithmic scale, on which a curve of this kind is nearly straight."""

    first: float
    last: float
    low: float
    high: float

    def x(self, examples: float) -> float:
        span = max(math.log(self.last / self.first), 1e-9)
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * math.log(examples / self.first) / span

    def y(self, score: float) -> float:
        share = (score - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share


def _axes(points: Points) -> _Axes:
    low = min(point.accuracy.low for point in points)
    high = max(point.accuracy.high for point in points)
    # Twelve digits, so that 0.3 / 0.1 is 3.
    bottom = _GRID * math.floor(round(low / _GRID, 12))
    top = _GRID * math.ceil(round(high / _GRID, 12))
    sizes = [point.examples_per_class for point in points]
    return _Axes(min(sizes), max(sizes), bottom, max(top, bottom + _GRID))


def _grid(axes: _Axes) -> str:
    steps = round((axes.high - axes.low) / _GRID)
    every = 2 if steps > 5 else 1
    made = []
    for step in range(0, steps + 1, every):
        value = axes.low + step * _GRID
        y = f"{axes.y(value):.1f}"
        made.append(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" '
            f'style="stroke:var(--line)"/><text x="{_LEFT - 8}" y="{y}" dy="4" '
            f'text-anchor="end" style="fill:var(--soft)">{100 * value:.0f}%</text>'
        )
    return "".join(made)


def _band(points: Points, axes: _Axes) -> str:
    """The forecast: the range as an area, the expectation as a dashed line in it."""
    upper = [_place(p.examples_per_class, p.accuracy.high, axes) for p in points]
    lower = [_place(p.examples_per_class, p.accuracy.low, axes) for p in points]
    middle = [_place(p.examples_per_class, p.accuracy.estimate, axes) for p in points]
    return (
        f'<polygon points="{" ".join([*upper, *reversed(lower)])}" '
        'style="fill:var(--good);opacity:.2"/>'
        f'<polyline points="{" ".join(middle)}" '
        'style="fill:none;stroke:var(--good);stroke-width:2;stroke-dasharray:5 4"/>'
    )


def _place(examples: float, score: float, axes: _Axes) -> str:
    return f"{axes.x(examples):.1f},{axes.y(score):.1f}"


def _dots(points: Points, axes: _Axes) -> str:
    made = []
    for point in points:
        x, found = f"{axes.x(point.examples_per_class):.1f}", point.accuracy
        made.append(
            f'<line x1="{x}" x2="{x}" y1="{axes.y(found.low):.1f}" '
            f'y2="{axes.y(found.high):.1f}" style="stroke:var(--mark);opacity:.5"/>'
            f'<circle cx="{x}" cy="{axes.y(found.estimate):.1f}" r="4" '
            'style="fill:var(--mark)"/>'
        )
    return "".join(made)


def _ticks(points: Points, axes: _Axes, counted: str) -> str:
    """The sizes below the plot, those left out that would touch the one before."""
    made, end = [], -math.inf
    for size in sorted({point.examples_per_class for point in points}):
        x, shown = axes.x(size), _size(size)
        half = 4 * len(shown)
        if x - half < end + 6:
            continue
        end = x + half
        made.append(
            f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle" '
            f'style="fill:var(--soft)">{shown}</text>'
        )
    title = (
        f'<text x="{(WIDTH + _LEFT) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle" '
        f'style="fill:var(--soft)">{text(counted)}</text>'
    )
    return "".join(made) + title


def _size(examples: float) -> str:
    return (
        f"{examples:,.0f}" if examples >= 10 or examples == round(examples) else f"{examples:.1f}"
    )
