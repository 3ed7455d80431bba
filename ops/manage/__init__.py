"""What an operator does to a running service: one file a noun, each a group of commands of `ops/cli`."""
