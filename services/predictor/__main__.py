"""The predictor as a process: `python -m services.predictor`."""

from __future__ import annotations

import os
import sys

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def pin_threads() -> None:
    """Let each matrix product run on one thread, unless the environment says otherwise.

    Products here are small and requests many: on two busy cores, BLAS threads that wait for each
    other made 8 rows of 100 classes take 34 ms instead of 0.2. NumPy reads the variables when it is
    imported; where a launcher has imported it before us, the process begins again with them set.
    """
    missing = [key for key in _THREADS if key not in os.environ]
    os.environ.update(dict.fromkeys(missing, "1"))
    if missing and "numpy" in sys.modules:
        os.execv(sys.executable, sys.orig_argv)


def main() -> None:
    """Serve until told to stop."""
    pin_threads()
    from services.predictor.service import start  # imports NumPy

    start()


if __name__ == "__main__":
    main()
