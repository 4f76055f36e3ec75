"""What all tests share: an S3 server, and stores in it and in a folder."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.s3"]
