"""models list | show | promote | delete."""

from __future__ import annotations

from typing import Annotated

import typer

from graft.cli.output import JsonFlag, accuracy_words, map50_words, print_json, print_table, say
from graft.client.blocking import Client
from graft.client.models import ModelVersion
from graft.errors import InvalidArgument
from graft.names import LIVE, VersionName, expand_servable

app = typer.Typer(help="Models: versions and the aliases that point at them.", no_args_is_help=True)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL")]
AliasOption = Annotated[str, typer.Option("--alias", help="The alias that is moved.")]


@app.command("list")
def list_models(json: JsonFlag = False) -> None:
    """List the models."""
    with Client() as client:
        found = client.models.list()
    if json:
        print_json(found)
        return
    rows = [
        [one.id, len(one.versions), ", ".join(f"{a} -> {v}" for a, v in one.aliases.items())]
        for one in found
    ]
    print_table(["model", "versions", "aliases"], rows)


@app.command()
def show(model: ModelArgument, json: JsonFlag = False) -> None:
    """Show a model, and the version that NAME, NAME@ALIAS or NAME/VERSION means."""
    with Client() as client:
        version = client.models.version(model)
        name = str(VersionName.parse(version.name).model)
        whole = client.models.get(name)
    if json:
        print_json({"model": whole, "version": version})
        return
    say(f"{whole.name}: versions {', '.join(map(str, whole.versions))}")
    for alias, number in whole.aliases.items():
        say(f"  {alias} -> {number}")
    say(f"version {version.version}: {_measured(version)}")
    size = f", at {_size(version)} pixels" if version.input_size else ""
    say(f"  {version.head} head on {version.backbone} ({' + '.join(version.endpoints)}){size}")
    if version.text_backbone:
        layers = " + ".join(version.text_endpoints)
        say(f"    and on {version.text_backbone} ({layers}) for the texts")
    say(f"  {version.example_count} examples of {version.dataset}/{version.dataset_version}")
    say(f"  labels: {', '.join(version.labels)}")


def _measured(version: ModelVersion) -> str:
    """What it does, and how well."""
    if version.task == "detection":
        return f"{version.task}, {map50_words(version.map50)}"
    task = f"{version.task}, " if version.task else ""
    return f"{task}{accuracy_words(version.accuracy)}"


def _size(version: ModelVersion) -> str:
    """Width by height, as people write it."""
    return " x ".join(map(str, reversed(version.input_size)))


@app.command()
def promote(
    model: Annotated[str, typer.Argument(metavar="NAME/VERSION")],
    alias: AliasOption = LIVE,
    json: JsonFlag = False,
) -> None:
    """Make an alias (by default the one that a bare name means) point at a version."""
    with Client() as client:
        text = expand_servable(model, project=client.project)
        if "/versions/" not in text:
            raise InvalidArgument(f"NAME/VERSION was wanted, such as pets/2. Received: {model!r}")
        version = VersionName.parse(text)
        found = client.models.promote(str(version.model), version.version, alias=alias)
    print_json(found) if json else say(f"{found.id}@{alias} is version {version.version} now")


@app.command()
def delete(model: ModelArgument, json: JsonFlag = False) -> None:
    """Remove a model with all its versions."""
    with Client() as client:
        client.models.delete(model)
    print_json({"deleted": model}) if json else say(f"deleted {model}")
