"""`make bench`: all questions, one after the other; each keeps its answer under results/."""

from __future__ import annotations

import subprocess
import sys

QUESTIONS = ("embed", "embed_texts", "predict", "train")


def main() -> int:
    """Run each in a process of its own: TensorFlow is configured once a process."""
    commands = ([sys.executable, "-m", f"benchmarks.{question}"] for question in QUESTIONS)
    return max(subprocess.run(command, check=False).returncode for command in commands)


if __name__ == "__main__":
    sys.exit(main())
