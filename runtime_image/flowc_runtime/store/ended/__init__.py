"""Copies of the records of ended runs, below `ended/` in a bucket: few requests list and read many runs by them
(docs/adr/0037)."""
