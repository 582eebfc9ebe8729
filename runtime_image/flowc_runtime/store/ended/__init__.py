"""Copies of the records of ended runs, below `ended/` in a bucket: with them, few requests list and read many runs
(docs/adr/0037)."""
