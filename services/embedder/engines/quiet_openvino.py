"""OpenVINO without its telemetry.

Importing OpenVINO tells its maker so over the network, from a process forked beside the threads of
gRPC.
With its telemetry not to be had it takes a stub of its own.
"""

from __future__ import annotations

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # "cannot be imported"

import openvino as ov  # noqa: E402

__all__ = ["ov"]
