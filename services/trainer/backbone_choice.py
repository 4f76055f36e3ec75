"""Which backbone a job gets that names none."""

from __future__ import annotations

from typing import Final

from graft.errors import InvalidArgument
from graft.names import BackboneName

AUTO: Final = "auto"
DEFAULT: Final = BackboneName("prototype_96")
"""What `auto` means for now, the bundled backbone: no search over backbones is made yet. The model
version and the estimate name the backbone that was taken, so that nobody has to know this line."""


def choose(asked: str) -> BackboneName:
    """The backbone for what a spec asks: a name, `auto`, or nothing; raise InvalidArgument."""
    if asked in ("", AUTO):
        return DEFAULT
    try:
        return BackboneName.parse(asked)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"a backbone is 'auto' or backbones/NAME; `graft backbones list` tells which there are."
            f" Received: {asked!r}",
            reason=error.reason,
            field="spec.backbone",
            metadata=error.metadata,
        ) from error
