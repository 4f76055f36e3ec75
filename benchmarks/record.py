"""What a benchmark answers: one JSON object with its figures, the commit and the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).resolve().parents[1]


def keep(question: str, figures: dict[str, object]) -> None:
    """Print the figures as JSON and keep them under results/{question}.json."""
    entry = {"question": question, **figures, "commit": _commit(), "machine": _machine()}
    text = json.dumps(entry, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{question}.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return found.stdout.strip() or "unknown"


def _machine() -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "system": platform.system(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def quantile(seconds: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie, in milliseconds."""
    return round(1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))], 3)
