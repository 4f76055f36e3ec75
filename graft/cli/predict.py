"""predict: labels for files, folders and texts, boxes for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from graft.cli import detections
from graft.cli.inputs import Input, read_inputs, read_joint
from graft.cli.marked import Marked
from graft.cli.output import JsonFlag, fail, naming, note, print_json, print_table
from graft.client.blocking import Client
from graft.client.predictions import Answer, Prediction
from graft.errors import GraftError, NotFound

ModelArgument = Annotated[str, typer.Argument(help="NAME, NAME@ALIAS or NAME/VERSION.")]

_SHOWN: Final = 60
"""Characters of a text in the table."""

_Answered = tuple[Input, Prediction]


def predict(
    model: ModelArgument,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Image or .txt files, or folders of them; - is standard input, a text a line.",
        ),
    ],
    text: Annotated[
        bool, typer.Option("--text", help="Each INPUT is a text itself, and no file.")
    ] = False,
    words: Annotated[
        str,
        typer.Option(
            help="The words beside the one INPUT, an image: both are one item, for a model of"
            " images with texts. Such a model answers an image or a text alone, too."
        ),
    ] = "",
    draw: Annotated[
        Path | None,
        typer.Option(
            help="Of a model that finds things: draw them on the picture and write it to this"
            " .png, .jpg or .webp file, or of several inputs into this folder."
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Label images or texts, or find the things of pictures; a bad one is told, the others are
    answered, and the status is 1."""
    asked = [read_joint(inputs, words, text=text)] if words else read_inputs(inputs, text=text)
    marked = None if draw is None else Marked(draw, len(asked))
    with Client() as client:
        answered = _answer(client, model, asked, json)
    if answered and not json:
        _tell(answered)
    if marked is not None:
        for one, answer in answered:
            marked.draw(one, answer)
    bad = len(asked) - len(answered)
    if bad:
        note(f"{bad} of {len(asked)} inputs could not be answered")
        raise typer.Exit(1)


def _answer(client: Client, model: str, asked: Sequence[Input], json: bool) -> list[_Answered]:
    """The inputs that could be answered; what others are told, and with `json` every answer, is
    printed as it comes."""
    answered: list[_Answered] = []
    gone = False
    answers = client.predict_each(model, [one.item for one in asked])
    for one, answer in zip(asked, answers, strict=True):
        if isinstance(answer, GraftError):
            gone = gone or (isinstance(answer, NotFound) and isinstance(one.item, Path))
            if not json:
                fail(naming(one.shown, str(answer)))
        else:
            answered.append((one, answer))
        if json:
            print_json(document(one.shown, answer))
    if gone:
        note("texts that are no files are labelled with --text")
    return answered


def _tell(answered: Sequence[_Answered]) -> None:
    """Print a table of the answers of one model."""
    rows: list[list[object]] = []
    for one, answer in answered:
        if answer.detected is not None:
            rows += detections.rows(one.shown, answer.detected)
        else:
            rows.append([_short(one), *told(answer), "yes" if answer.unknown else ""])
    boxed = answered[0][1].detected is not None
    print_table(detections.COLUMNS if boxed else ["input", "label", "score", "unknown"], rows)


def told(answer: Prediction) -> tuple[str, str]:
    """The label and its score; of several labels all that the item bears, or that it bears none."""
    if answer.labels is None:
        return answer.label, f"{answer.score:.3f}"
    if not answer.labels:
        return "(no label)", ""
    scores = (f"{answer.scores[label]:.3f}" for label in answer.labels if label in answer.scores)
    return ", ".join(answer.labels), ", ".join(scores)


def _short(one: Input) -> str:
    if isinstance(one.item, Path) or len(one.shown) <= _SHOWN:
        return one.shown
    return one.shown[:_SHOWN] + "..."


def document(shown: str, answer: Answer) -> dict[str, Any]:
    """One input as a JSON line."""
    if isinstance(answer, GraftError):
        return {"input": shown, "error": {"reason": answer.reason, "message": answer.message}}
    if answer.detected is not None:
        return {"input": shown, **detections.document(answer.detected), "version": answer.version}
    return {
        "input": shown,
        "label": answer.label,
        "score": answer.score,
        "unknown": answer.unknown,
        "scores": answer.scores,
        "version": answer.version,
        **({} if answer.labels is None else {"labels": answer.labels}),
    }
