"""The suite on one machine: three services as child processes of one supervisor."""
