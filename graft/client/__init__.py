"""The client library; everything public is exported by `graft` itself."""
