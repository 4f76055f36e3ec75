"""backbones list | import | distill | show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from json import loads
from pathlib import Path
from typing import Annotated, Final

import typer

from graft.cli.durations import parse_duration
from graft.cli.output import JsonFlag, err, print_json, print_table, say, share
from graft.cli.program import run_program
from graft.client.backbones import Backbone
from graft.client.blocking import Client
from graft.local.plan import check_installed, local_environ
from graft.names import check_id
from graft.runfile import graft_home

app = typer.Typer(help="Backbones: the pretrained networks in the store.", no_args_is_help=True)

_IMPORTER: Final = "services.embedder.backbones"
_DISTILLER: Final = "services.embedder.distill"
_SHARE: Final = re.compile(r"[01]\.\d+")
_DIGEST_SHOWN: Final = 12


TunedFlag = Annotated[
    bool, typer.Option("--tuned", help="Those too that were tuned for one model each.")
]


@app.command("list")
def list_backbones(tuned: TunedFlag = False, json: JsonFlag = False) -> None:
    """List the catalogue."""
    with Client() as client:
        found = [one for one in client.backbones.list() if tuned or not one.trunk]
    if json:
        print_json(found)
        return
    rows = [
        [one.id, one.modality, _size(one), one.endpoints[0].dim, _mib(one), one.digest[:12]]
        for one in found
        if one.endpoints
    ]
    print_table(["backbone", "reads", "input", "dim", "MiB", "digest"], rows)


@app.command()
def show(
    backbone: Annotated[str, typer.Argument(metavar="BACKBONE")], json: JsonFlag = False
) -> None:
    """Show one backbone."""
    with Client() as client:
        found = client.backbones.get(backbone)
    print_json(found) if json else _tell(found)


@app.command("import")
def import_backbone(
    source: Annotated[
        str,
        typer.Argument(
            metavar="HANDLE|DIR|FILE",
            help="A TF-Hub handle, a SavedModel, a .tar.gz, or a .whl with a sentence encoder.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="The name in the catalogue.")],
    size: Annotated[
        int | None, typer.Option(help="Input pixels, where the module says none.")
    ] = None,
    preprocessor: Annotated[
        str,
        typer.Option(
            metavar="HANDLE|DIR|FILE",
            help="Of an encoder of texts: the module that makes its inputs.",
        ),
    ] = "",
    json: JsonFlag = False,
) -> None:
    """Import a backbone into the store; the one step that may reach the network."""
    check_id(name, "backbone")
    check_installed()
    with err().status("importing (TensorFlow takes some seconds to load)"):
        _import(source, name, size, preprocessor)
    with Client() as client, err().status("warming it up in the embedder"):
        client.backbones.load(name)
        found = client.backbones.get(name)  # what was loaded may bear the name of a twin
    print_json(found) if json else _tell(found)


def _import(source: str, name: str, size: int | None, preprocessor: str) -> None:
    """Run the importer as a process of its own: it needs TensorFlow, this command does not."""
    command = [_IMPORTER, f"--name={name}"]
    command += [f"--size={size}"] if size else []
    command += [f"--preprocessor={preprocessor}"] if preprocessor else []
    run_program([*command, "--", source], f"the import of {source}")


@app.command()
def distill(
    teacher: Annotated[str, typer.Argument(metavar="TEACHER", help="A backbone of images.")],
    images: Annotated[
        Path, typer.Option(help="A folder with pictures, no matter how deep; they need no labels.")
    ],
    name: Annotated[str, typer.Option("--name", help="The name in the catalogue.")],
    budget: Annotated[str, typer.Option(help="How long it may take, such as 90m.")] = "1h",
    json: JsonFlag = False,
) -> None:
    """Teach a small fast network what TEACHER sees in your pictures; it becomes a backbone.

    It runs on this machine. The same command goes on where it was broken off.
    """
    check_id(name, "backbone")
    check_id(teacher, "backbone")
    seconds = parse_duration(budget)
    check_installed()
    work = graft_home(local_environ()) / "distill" / name
    command = [_DISTILLER, f"--images={images}", f"--name={name}", f"--seconds={seconds}"]
    with err().status("distilling") as shown:
        done = run_program(
            [*command, f"--work={work}", "--", teacher],
            f"the distillation of {teacher}",
            told=lambda line: shown.update(_doing(line)),
        )
    check = loads(done)["check"]
    with Client() as client, err().status("warming it up in the embedder"):
        client.backbones.load(name)
        found = client.backbones.get(name)
    if json:
        print_json({"backbone": found, "check": check})
        return
    _tell(found)
    say(_checked(check, teacher))


def _doing(line: str) -> str:
    """What a line of progress, `{share} {phase}`, is shown as."""
    part, _, phase = line.partition(" ")
    return f"distilling: {share(float(part))} {phase}" if _SHARE.fullmatch(part) else "distilling"


def _checked(check: Mapping[str, float], teacher: str) -> str:
    """What the new backbone is worth, in words."""
    found = {what: share(check[what]) for what in ("student", "bundled", "chance")}
    text = f"  of whom {teacher} finds alike among {check['pictures']} pictures kept back, it finds"
    return (
        f"{text} {found['student']} (the bundled one {found['bundled']}, chance {found['chance']})"
    )


def _size(backbone: Backbone) -> str:
    return "x".join(map(str, backbone.input_size))


def _mib(backbone: Backbone) -> str:
    return f"{backbone.size_bytes / 2**20:.1f}"


def _tell(backbone: Backbone) -> None:
    say(f"{backbone.name}  {backbone.digest[:_DIGEST_SHOWN]}  {_mib(backbone)} MiB")
    size = f" of {_size(backbone)}" if backbone.input_size else ""
    say(f"  reads {backbone.modality}s{size}: {backbone.preprocessing}")
    for endpoint in backbone.endpoints:
        say(f"  {endpoint.name}: {endpoint.dim} numbers")
    for what, text in (
        ("engine", backbone.engine),
        ("tuned", f"after {' and '.join(backbone.cut)} of {backbone.trunk}" * bool(backbone.trunk)),
        ("origin", backbone.origin),
        ("licence", backbone.licence),
        ("description", backbone.description),
    ):
        if text:
            say(f"  {what}: {text}")
