"""How a detector's scoring is told."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from graft.cli.output import counted, map50_words, print_table, say, share
from graft.client.scored import BoxScoring
from graft.detection.errors import ErrorCounts


def document(scoring: BoxScoring) -> dict[str, Any]:
    """A scoring of boxes as the contract has it."""
    return {
        "map50": scoring.map50,
        "map50_interval": scoring.map50_interval,
        "map50_95": scoring.map50_95,
        "per_class": {
            label: {**asdict(one), "errors": asdict(scoring.errors_by_class[label])}
            for label, one in scoring.per_class.items()
        },
        "count": scoring.count,
        "errors": asdict(scoring.errors),
        "bands": scoring.bands,
        "counts": scoring.counts,
        "unknown": scoring.unknown,
        "unseen_labels": scoring.unseen,
        "problems": scoring.problems,
        "versions": scoring.versions,
        "leaks": scoring.leaks.found,
    }


def tell(scoring: BoxScoring) -> None:
    """Print a scoring of boxes for people."""
    things = sum(one.count for one in scoring.per_class.values())
    say(
        f"{_map50(scoring)}, mAP50-95 {known(scoring.map50_95)} on"
        f" {counted(scoring.count, 'picture')} with {counted(things, 'thing')}"
    )
    rows = [
        [
            label,
            one.count,
            known(one.precision),
            known(one.recall),
            f"{one.f1:.3f}",
            known(one.ap50),
        ]
        for label, one in scoring.per_class.items()
    ]
    print_table(["label", "count", "precision", "recall", "f1", "ap50"], rows)
    bands = (f"{name} {one.count} ({known(one.map50)})" for name, one in scoring.bands.items())
    say(f"things by size, with their mAP50: {', '.join(bands)}")
    say(errors_words(scoring.errors))
    for label, one in scoring.counts.items():
        say(
            f"counting {label!r}: {one.mean_absolute_error:.2f} off on average,"
            f" right on {share(one.exact)} of {counted(one.pictures, 'picture')}"
        )


def errors_words(wrong: ErrorCounts) -> str:
    """What answers came to, in words."""
    return (
        f"{counted(wrong.hit, 'object')} right; wrong: {wrong.duplicate} duplicate,"
        f" {wrong.wrong_place} in the wrong place, {wrong.wrong_class} of the wrong class,"
        f" {wrong.background} where nothing is; {counted(wrong.missed, 'thing')} missed"
    )


def _map50(scoring: BoxScoring) -> str:
    if scoring.map50_interval is None:
        return f"mAP50 {known(scoring.map50)}"
    return map50_words(scoring.map50_interval)


def known(figure: float | None) -> str:
    """A share, or a dash where there was nothing to measure."""
    return "-" if figure is None else share(figure)
