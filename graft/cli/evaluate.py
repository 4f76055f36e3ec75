"""evaluate and report: how good a model is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.cli import boxes, detections
from graft.cli.output import (
    JsonFlag,
    accuracy_words,
    map50_words,
    naming,
    note,
    print_json,
    print_table,
    progress,
    say,
    share,
    warn,
    write_file,
)
from graft.cli.predict import ModelArgument
from graft.client.blocking import Client
from graft.client.leaks import Leaks
from graft.client.reports import Evaluation, Interval
from graft.client.scored import BoxScoring, Scoring
from graft.examples import ExampleSet
from graft.reading import read_examples

_SHOWN = 10
_MEANT = (
    "  macro F1: how well it does on all labels alike, 1 is perfect; log loss: 0 is sure and right,"
    " more is worse; calibration error: how far its scores are from how often it is right"
)
SEVERAL = "an example counts as right when all its labels are answered and no other"


def evaluate(
    model: ModelArgument,
    path: Annotated[Path, typer.Argument(help="Labelled examples, as for `graft train`.")],
    json: JsonFlag = False,
) -> None:
    """Score a model on labelled examples that it has not seen."""
    examples = read_examples(path)
    scoring = _scored(model, examples)
    for text in examples.warnings:
        warn(text)
    _warn_of_problems(scoring)
    if isinstance(scoring, BoxScoring):
        _warn_of_unseen(scoring.unseen)
        print_json(boxes.document(scoring)) if json else boxes.tell(scoring)
        return
    _warn(scoring)
    if json:
        print_json(document(scoring))
    else:
        _tell(scoring)


def _scored(model: str, examples: ExampleSet) -> Scoring | BoxScoring:
    """The scoring of labels, or of boxes where the examples have some."""
    with Client() as client, progress() as shown:
        bar = shown.add_task("predict", total=len(examples.examples), unit="examples")
        evaluate = client.evaluate_boxes if examples.boxed else client.evaluate
        return evaluate(
            model,
            examples.examples,
            on_progress=lambda done: shown.update(bar, completed=done),
        )


def document(scoring: Scoring) -> dict[str, Any]:
    """A scoring as the contract has it; what could not be scored stands beside it."""
    return {
        "accuracy": scoring.accuracy.estimate,
        "accuracy_interval": scoring.accuracy,
        "macro_f1": scoring.macro_f1,
        **({} if scoring.micro_f1 is None else {"micro_f1": scoring.micro_f1}),
        "log_loss": scoring.log_loss,
        "ece": scoring.ece,
        "per_class": {label: entry for label, entry in scoring.per_class.items() if entry.count},
        "count": scoring.count,
        "unknown": scoring.unknown,
        "unseen_labels": scoring.unseen,
        "unseen_unknown": scoring.unseen_unknown,
        "unseen_paths": scoring.unseen_paths,
        "problems": scoring.problems,
        "versions": scoring.versions,
        "leaks": scoring.leaks.found,
    }


def _warn_of_problems(scoring: Scoring | BoxScoring) -> None:
    for path, why in list(scoring.problems.items())[:_SHOWN]:
        warn(naming(path, why))
    if len(scoring.problems) > _SHOWN:
        warn(f"{len(scoring.problems) - _SHOWN} more could not be read")
    _warn_of_leaks(scoring.leaks)


def _warn_of_unseen(unseen: Mapping[str, int]) -> None:
    if unseen:
        names = ", ".join(f"{label!r} ({count})" for label, count in unseen.items())
        total = sum(unseen.values())
        bear = "1 thing bears a label" if total == 1 else f"{total} things bear labels"
        warn(f"{bear} that the model was not trained on, and count in no figure: {names}")


def _warn(scoring: Scoring) -> None:
    if scoring.unseen:
        names = ", ".join(
            f"{label!r} ({count}, first {scoring.unseen_paths[label]})"
            for label, count in scoring.unseen.items()
        )
        total = sum(scoring.unseen.values())
        warn(
            f"{total} examples bear labels that the model was not trained on and are in no figure:"
            f" {names}; it said 'unknown' to {scoring.unseen_unknown} of them"
        )


def _warn_of_leaks(leaks: Leaks) -> None:
    if leaks.unchecked:
        warn(f"nobody looked whether the model was trained on these examples: {leaks.unchecked}")
    for path, trained in list(leaks.found.items())[:_SHOWN]:
        warn(f"{path} is nearly the same as {trained}, which the model was trained on")
    if leaks.found:
        warn(
            f"{len(leaks.found)} of the examples are nearly the same as some that the model was"
            " trained on: the figures are too good; leave them out and evaluate again"
        )


def _tell(scoring: Scoring) -> None:
    say(f"{accuracy_words(scoring.accuracy)} on {scoring.count} examples")
    if scoring.micro_f1 is not None:
        say(SEVERAL)
    micro = "" if scoring.micro_f1 is None else f"micro F1 {scoring.micro_f1:.3f}   "
    say(
        f"{micro}macro F1 {scoring.macro_f1:.3f}   log loss {scoring.log_loss:.3f}"
        f"   calibration error {scoring.ece:.3f}   unknown {scoring.unknown}"
    )
    say(_MEANT)
    rows = [
        [label, one.count, _share(one.precision), _share(one.recall), f"{one.f1:.3f}"]
        for label, one in scoring.per_class.items()
        if one.count
    ]
    print_table(["label", "count", "precision", "recall", "f1"], rows)


def _share(value: float | None) -> str:
    return "-" if value is None else share(value)


def report(
    model: ModelArgument,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report as one page to this file.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show the report of a model: how good it was on examples held out in training."""
    with Client() as client:
        found = client.report(model)
    if html is not None:
        write_file(html, found.html, "--html")
        note(f"wrote {html}")
    if json:
        print_json(found.evaluation.document)
    else:
        _tell_report(found.evaluation)


def _tell_report(report: Evaluation) -> None:
    say(report.model_version)
    found = report.detection
    measured = report.accuracy if found is None else found.map50
    how = f", by {report.method} on {report.evaluated_count}" if measured else ""
    say((accuracy_words if found is None else map50_words)(measured) + how)
    if report.micro_f1 is not None and report.accuracy:
        say(SEVERAL)
        say(f"micro F1 {report.micro_f1:.3f}   macro F1 {report.macro_f1:.3f}")
    for text in report.warnings:
        warn(text)
    rows = [
        [one.label, one.count, _interval(one.precision), _interval(one.recall)]
        for one in report.per_class
    ]
    print_table(["label", "count", "precision", "recall"], rows)
    if found is not None and found.map50:
        detections.tell_report(found)
    if report.confused:
        several = report.micro_f1 is not None
        say("most often given in the place of another:" if several else "most confused:")
        how = "missed, given" if several else "taken for"
        for pair in report.confused[:_SHOWN]:
            say(f"  {pair.truth} {how} {pair.answer}: {pair.count} ({share(pair.share)})")


def _interval(value: Interval | None) -> str:
    if value is None:
        return "-"
    return f"{share(value.estimate)} ({share(value.low)} to {share(value.high)})"
