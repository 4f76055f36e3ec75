"""datasets list | show | delete."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from graft.cli.output import JsonFlag, print_json, print_table, say, warn
from graft.client.blocking import Client
from graft.client.datasets import Dataset

NOUNS: Final = {"image": "images", "text": "texts", "image and text": "images with texts"}
"""What examples of a modality are called."""

app = typer.Typer(help="Data sets: labelled examples, in versions.", no_args_is_help=True)

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="The data set's name.")]


@app.command("list")
def list_datasets(json: JsonFlag = False) -> None:
    """List the data sets."""
    with Client() as client:
        found = client.datasets.list()
    if json:
        print_json(found)
    else:
        rows = [
            [
                one.name.rpartition("/")[2],
                one.version,
                one.example_count,
                len(one.labels),
                _kind(one),
            ]
            for one in found
        ]
        print_table(["data set", "version", "examples", "classes", "of"], rows)


@app.command()
def show(
    dataset: DatasetArgument,
    version: Annotated[int, typer.Option(min=0, help="0 is the newest.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Show one data set: its classes, and what was not taken and why."""
    with Client() as client:
        found = client.datasets.get(dataset, version=version)
    if json:
        print_json(found)
        return
    say(f"{found.name} version {found.version}: {found.example_count} examples of {_kind(found)}")
    say(
        f"rejected {found.rejected_count}, duplicates {found.duplicate_count},"
        f" under different {_marks(found)} {found.conflict_count}"
    )
    for text in found.warnings:
        warn(text)
    columns = ["label", "examples", "boxes"] if found.boxed else ["label", "examples"]
    counts = [[label, count, found.boxes.get(label)] for label, count in found.labels.items()]
    print_table(columns, [row[: len(columns)] for row in counts])
    if found.issues:
        rows = [[one.path, ", ".join(one.labels), one.message] for one in found.issues]
        print_table(["file", "labels", "issue"], rows)


def _marks(dataset: Dataset) -> str:
    return "boxes" if dataset.boxed else "labels"


def _kind(dataset: Dataset) -> str:
    """What the examples are, and whether an example has one label, or boxes."""
    kind = NOUNS.get(dataset.modality, "examples")
    if dataset.boxed:
        return f"{kind}, with boxes"
    return f"{kind}, any number of labels" if dataset.multi_label else f"{kind}, one label"


@app.command()
def delete(dataset: DatasetArgument, json: JsonFlag = False) -> None:
    """Remove a data set with all its versions."""
    with Client() as client:
        client.datasets.delete(dataset)
    print_json({"deleted": dataset}) if json else say(f"deleted {dataset}")
