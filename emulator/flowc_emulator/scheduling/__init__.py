"""Decide which task starts next and how many tasks run in parallel, without starting processes."""
