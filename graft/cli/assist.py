"""detect-assist: which pictures to label next, with the boxes that the model proposes."""

from __future__ import annotations

import json as jsons
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from graft.cli.inputs import image_files
from graft.cli.output import (
    JsonFlag,
    counted,
    naming,
    note,
    print_json,
    print_table,
    progress,
    say,
    warn,
    write_file,
)
from graft.cli.predict import ModelArgument
from graft.client.blocking import Client
from graft.client.proposals import Proposal, Proposals
from graft.client.proposed import proposed_document
from graft.content import display_path

_SHOWN: Final = 10


def detect_assist(
    model: ModelArgument,
    folder: Annotated[Path, typer.Argument(help="A folder of pictures without boxes.")],
    out: Annotated[Path, typer.Option(help="Write the proposed boxes to this file, as COCO JSON.")],
    count: Annotated[
        int, typer.Option(min=0, help="Propose boxes for so many pictures; 0 is for all.")
    ] = 0,
    json: JsonFlag = False,
) -> None:
    """Propose boxes for unlabelled pictures, those first that would teach a detector most.

    Correct the file in a labelling tool, then train on it: `graft train FILE`.
    """
    pictures = image_files(folder)
    with Client() as client, progress() as shown:
        bar = shown.add_task("predict", total=len(pictures), unit="pictures")
        found = client.propose(
            model, pictures, on_progress=lambda done: shown.update(bar, completed=done)
        )
    _warn(found)
    taken = found.pictures[: count or None]
    _write(out, found, taken)
    if json:
        print_json(
            {
                "out": str(out),
                "model_version": found.model_version,
                "pictures": [_document(one) for one in taken],
                "left": len(found.pictures) - len(taken),
                "known": found.known,
                "problems": found.problems,
            }
        )
    else:
        _tell(out, taken)


def _document(one: Proposal) -> dict[str, object]:
    objects = len(one.detected.objects)
    return {"input": display_path(one.path), "worth": one.worth, "objects": objects}


def _write(out: Path, found: Proposals, taken: tuple[Proposal, ...]) -> None:
    document = proposed_document(taken, found.labels, out.parent)
    write_file(out, jsons.dumps(document, ensure_ascii=False, indent=1), "--out")


def _warn(found: Proposals) -> None:
    _list(found.problems)
    if found.unchecked:
        warn(f"nobody looked whether the model was trained on these pictures: {found.unchecked}")
    if found.known:
        note(
            f"{counted(len(found.known), 'picture')} left out: the model was trained on"
            " them, or on nearly the same"
        )


def _list(problems: Mapping[str, str]) -> None:
    for path, why in list(problems.items())[:_SHOWN]:
        warn(naming(path, why))
    if len(problems) > _SHOWN:
        warn(f"{len(problems) - _SHOWN} more could not be read")


def _tell(out: Path, taken: tuple[Proposal, ...]) -> None:
    rows = [
        [number, display_path(one.path), len(one.detected.objects), f"{one.worth:.2f}"]
        for number, one in enumerate(taken[:_SHOWN], start=1)
    ]
    if rows:
        print_table(["", "label first", "boxes", "corrections expected"], rows)
    if len(taken) > _SHOWN:
        say(f"... and {len(taken) - _SHOWN} more")
    boxes = sum(len(one.detected.objects) for one in taken)
    pictures = counted(len(taken), "picture")
    say(f"wrote {counted(boxes, 'box', 'boxes')} in {pictures} to {display_path(out)}")
