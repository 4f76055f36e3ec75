"""The `graft` command: one file a group, exit 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final

import typer

import graft
from graft.cli import assist, backbones, datasets, evaluate, jobs, models, predict, suite, train
from graft.cli.output import fail, say
from graft.errors import GraftError

_INTERRUPTED: Final = 130

app = typer.Typer(
    name="graft",
    help="Graft a small head onto a big pretrained network: classifiers of images and texts from a"
    " few examples.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"graft {graft.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Graft a small head onto a big pretrained network."""


for _command in (
    suite.up,
    suite.down,
    suite.status,
    train.train,
    predict.predict,
    evaluate.evaluate,
    evaluate.report,
    assist.detect_assist,
):
    app.command()(_command)
for _name, _group in (
    ("backbones", backbones.app),
    ("models", models.app),
    ("datasets", datasets.app),
    ("jobs", jobs.app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """Run the command line; an error that Graft names is one line on standard error."""
    try:
        app()
    except GraftError as error:
        fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not fail on its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
