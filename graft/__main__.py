"""`python -m graft`: the command line without its script."""

from __future__ import annotations

from graft.cli.main import main

if __name__ == "__main__":
    main()
