"""What `make run` shows a newcomer: real images in, an honest model out, through the real commands.

The images are scikit-learn's handwritten digits (1,797 of them, 8x8 pixels), written out as PNG
files: 25 a class to train on, 20 others a class to check with. Everything lies in `.run/`, which is
a home of its own, and the services are stopped however this ends.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".run"
TRAINING: Final = 25
HELD_OUT: Final = 20
PIXELS: Final = 96
SEED: Final = 0
_BOLD, _PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


def write_images(root: Path) -> None:
    """Write train/LABEL/*.png and held-out/LABEL/*.png, chosen at random but always the same.

    The digits come in the order of their writers: the first 25 of a class would all be by a few
    hands, and a model that saw only those does worse on the next hands than its report can know.
    """
    shutil.rmtree(root, ignore_errors=True)
    digits = load_digits()
    order = np.random.default_rng(SEED).permutation(len(digits.target))
    for label in range(10):
        chosen = order[digits.target[order] == label][: TRAINING + HELD_OUT]
        for number, index in enumerate(chosen):
            part = "train" if number < TRAINING else "held-out"
            folder = root / part / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            picture(digits.images[index]).save(folder / f"{index:04d}.png")


def picture(pixels: np.ndarray) -> Image.Image:
    """Make an image of 8x8 numbers in [0, 16]: dark ink on white paper, smoothly enlarged."""
    ink = Image.fromarray(np.uint8(255 - pixels * 255 / 16))
    return ink.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC)


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n{_BOLD}{text}{_PLAIN}", flush=True)


def graft(*arguments: str, check: bool = True) -> None:
    """Show and run a graft command in the demo's own home; a failing one ends the demo."""
    shown = shlex.join(str(argument) for argument in arguments)
    print(f"$ graft {shown}", flush=True)
    command = [sys.executable, "-m", "graft", *arguments]
    inherited = {key: text for key, text in os.environ.items() if not key.startswith("GRAFT_")}
    environ = {**inherited, "HOME": str(PLACE / "home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=PLACE, env=environ, check=False)
    if check and done.returncode:
        sys.exit(f"graft {arguments[0]} failed with status {done.returncode}")


def show() -> None:
    """Run the main job."""
    say(f"1. Real images: {TRAINING} a class to train on, {HELD_OUT} others a class to check with")
    write_images(PLACE / "digits")
    print(f"scikit-learn's handwritten digits as PNG files in {PLACE / 'digits'}")
    say("2. Three services on this machine")
    graft("up", "--detach")
    say("3. Train: embeddings from the bundled backbone, a small head on top")
    graft("train", "digits/train", "--model", "digits")
    say("4. Predict: images that the model has not seen, one a class")
    held_out = sorted((PLACE / "digits" / "held-out").iterdir())
    pictures = [next(iter(sorted(folder.iterdir()))) for folder in held_out]
    graft("predict", "digits", *(str(one.relative_to(PLACE)) for one in pictures))
    say(f"5. Evaluate: all {10 * HELD_OUT} held-out images, to see whether the interval holds")
    graft("evaluate", "digits", "digits/held-out")
    say("6. The report: every class, the mistakes, everything that was tried")
    graft("report", "digits", "--html", "report.html")
    print(f"open {PLACE / 'report.html'} in a browser")


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main() -> None:
    """Show, and stop the services whatever happens."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _end)
    (PLACE / "home").mkdir(parents=True, exist_ok=True)
    try:
        show()
    except KeyboardInterrupt:
        sys.exit("interrupted")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say("Stop the services")
        graft("down", check=False)
    print(
        f"\ndone in {time.monotonic() - started:.0f} s; your own images: make up, then graft train"
    )


if __name__ == "__main__":
    main()
