"""Decide which task comes next and how many run in parallel; without clock and processes."""
