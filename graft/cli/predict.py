"""predict: labels for files and folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.cli.output import JsonFlag, fail, naming, note, print_json, print_table
from graft.client.blocking import Client
from graft.client.predictions import Answer
from graft.content import display_path
from graft.errors import GraftError, InvalidArgument
from graft.examples import IMAGE_EXTENSIONS

ModelArgument = Annotated[str, typer.Argument(help="NAME, NAME@ALIAS or NAME/VERSION.")]


def predict(
    model: ModelArgument,
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Image files, or folders of them.")
    ],
    json: JsonFlag = False,
) -> None:
    """Label images; a bad file is told, the others are answered, and the status is 1."""
    paths = list(expand(inputs))
    with Client() as client:
        bad = _answer(client, model, paths, json)
    if bad:
        note(f"{bad} of {len(paths)} inputs could not be answered")
        raise typer.Exit(1)


def expand(inputs: Sequence[Path]) -> Iterator[Path]:
    """Yield files as they are, and of folders the image files in them, at any depth, by name.

    Raises InvalidArgument for a folder without any.
    """
    for place in inputs:
        if not place.is_dir():
            yield place
            continue
        found = sorted(_images(place), key=os.fsencode)
        if not found:
            raise InvalidArgument(
                f"the folder {display_path(place)} holds no image files."
                f" Received: {display_path(place)!r}"
            )
        yield from found


def _images(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_EXTENSIONS:
                yield Path(folder) / name


def _answer(client: Client, model: str, paths: Sequence[Path], json: bool) -> int:
    """Print an answer for each path; answer how many were bad."""
    rows: list[list[object]] = []
    bad = 0
    for path, answer in zip(paths, client.predict_each(model, paths), strict=True):
        shown = display_path(path)
        if isinstance(answer, GraftError):
            bad += 1
            if not json:
                fail(naming(shown, str(answer)))
        if json:
            print_json(document(shown, answer))
        elif not isinstance(answer, GraftError):
            rows.append([shown, answer.label, f"{answer.score:.3f}", answer.unknown and "yes"])
    if rows:
        rows = [[*row[:3], row[3] or ""] for row in rows]
        print_table(["input", "label", "score", "unknown"], rows)
    return bad


def document(shown: str, answer: Answer) -> dict[str, Any]:
    """One input as a JSON line."""
    if isinstance(answer, GraftError):
        return {"input": shown, "error": {"reason": answer.reason, "message": answer.message}}
    return {
        "input": shown,
        "label": answer.label,
        "score": answer.score,
        "unknown": answer.unknown,
        "scores": answer.scores,
        "version": answer.version,
    }
