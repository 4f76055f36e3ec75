"""Training jobs: their life (`state`), their log (`log`), their owner (`runner`)."""
