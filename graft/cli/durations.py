"""Times as people type them: 60s, 2m, 1h or plain seconds."""

from __future__ import annotations

import re
from typing import Final

import typer

_FORM = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def parse_duration(text: str) -> float:
    """Answer seconds; raise typer.BadParameter, which ends the command with status 2."""
    match = _FORM.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise typer.BadParameter(f"a time such as 60s, 2m or 1h was wanted. Received: {text!r}")
    return float(match[1]) * _SECONDS[match[2]]
