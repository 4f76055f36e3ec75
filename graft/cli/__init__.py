"""The command line: `graft ...`."""
