"""`python -m graft.local.launch MODULE`: run a service that ends when its supervisor does.

The supervisor holds the other end of standard input. When it is gone, however it went, the pipe
ends: the service is told to stop as by SIGTERM, and after its grace its process group is killed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

from graft.local.plan import local_environ, make_plan

_STANDARD_INPUT: Final = 0


def _follow(grace_s: float) -> None:
    while os.read(_STANDARD_INPUT, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Run the module named by the first argument, with the others, as `python -m` would."""
    module = sys.argv[1]
    grace_s = make_plan(local_environ()).grace_s
    threading.Thread(target=_follow, args=(grace_s,), daemon=True, name="follow").start()
    del sys.argv[0]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
