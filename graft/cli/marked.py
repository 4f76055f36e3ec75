"""Pictures with what was found drawn on them, written to files: `graft predict --draw`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from graft.cli.inputs import Input
from graft.cli.output import note
from graft.client.predictions import Prediction
from graft.content import display_path
from graft.errors import InvalidArgument
from graft.marking import Palette, check_marking, mark

FORMS: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


class Marked:
    """Writes drawings: one input to the file `place`, several into the folder `place`, each under
    its own name. Raises InvalidArgument for what cannot be drawn on, and where one cannot write."""

    def __init__(self, place: Path, inputs: int) -> None:
        check_marking()
        self._place = place
        self._folder = inputs > 1 or place.is_dir()
        self._palette = Palette()
        self._taken: set[Path] = set()
        if not self._folder and place.suffix.lower() not in FORMS:
            raise InvalidArgument(
                f"--draw takes a file that ends with {', '.join(FORMS)}, or a folder for several"
                f" inputs. Received: {display_path(place)!r}"
            )

    def draw(self, one: Input, answer: Prediction) -> None:
        """Draw what was found in one input, and say where it is."""
        if answer.detected is None:
            raise InvalidArgument(
                "--draw is for models that find things; this one answers labels. Received:"
                f" {answer.model_version}"
            )
        if not isinstance(one.item, Path):
            raise InvalidArgument(f"--draw takes image files. Received: {one.shown!r}")
        target = self._target(one.item)
        try:
            drawn = mark(
                one.item.read_bytes(),
                answer.detected,
                self._palette,
                form=FORMS[target.suffix.lower()],
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(drawn)
        except OSError as error:
            raise InvalidArgument(
                f"cannot draw {one.shown}: {error.strerror}. Received: --draw {self._place}"
            ) from error
        note(f"wrote {display_path(target)}")

    def _target(self, item: Path) -> Path:
        """The file for an input; of two of one name the second is told apart by a number."""
        if not self._folder:
            return self._place
        target, number = self._place / f"{item.stem}.png", 2
        while target in self._taken:
            target, number = self._place / f"{item.stem}-{number}.png", number + 1
        self._taken.add(target)
        return target
