"""Where output goes: results to standard output, everything else to standard error."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from graft.client.reports import Interval
from graft.errors import InvalidArgument

_PIPE_WIDTH: Final = 200
"""Columns where no terminal says how many it has: enough for a table to keep its lines whole."""

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on standard output.")
]


def out() -> Console:
    """The console for results."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def err() -> Console:
    """The console for progress, warnings and errors."""
    width = None if sys.stderr.isatty() else _PIPE_WIDTH
    return Console(stderr=True, width=width, highlight=False)


def visible(text: str) -> str:
    r"""A text without control characters but line ends: they appear as \xNN.

    Names of files and labels come from others, and a terminal obeys what they hold.
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def naming(path: str, text: str) -> str:
    """A sentence about a file with its name in front, unless the sentence has it already."""
    return text if path in text else f"{path}: {text}"


def say(text: str) -> None:
    """Print a line of results."""
    out().print(escape(visible(text)), soft_wrap=True)


def note(text: str) -> None:
    """Print a line beside the results."""
    err().print(escape(visible(text)), soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning."""
    err().print(f"[yellow]warning:[/yellow] {escape(visible(text))}", soft_wrap=True)


def fail(text: str) -> None:
    """Print an error."""
    err().print(f"[red]error:[/red] {escape(visible(text))}", soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Answer a value as JSON has it: dataclasses as objects, times in ISO 8601."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, datetime) else value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings; cells are texts, never markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(visible(str(cell)).replace("\n", "\\n")) for cell in row))
    out().print(table)


def share(value: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * value:.1f}%"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 file, 2 files."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def accuracy_words(accuracy: Interval | None) -> str:
    """An accuracy with its range, in words."""
    return _measured("accuracy", accuracy, "examples")


def map50_words(map50: Interval | None) -> str:
    """A mean average precision at IoU 0.5 with its range, in words."""
    return _measured("mAP50", map50, "pictures")


def _measured(what: str, found: Interval | None, noun: str) -> str:
    if found is None:
        return f"{what} not measured: too few {noun} to hold any back"
    level = f"{100 * found.level:g}%"
    low, high = share(found.low), share(found.high)
    return f"{what} {share(found.estimate)} ({level} interval {low} to {high})"


Advance = Callable[[int], None]


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on standard error; quiet where that is no terminal."""
    console = err()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        yield shown


def write_file(path: Path, text: str, option: str) -> None:
    """Write what `option` asked for; InvalidArgument naming both where that cannot be done."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(
            f"cannot write {path}: {error.strerror}. Received: {option} {path}"
        ) from error
