"""Executes one attempt of one task, from its assignment to its record."""
