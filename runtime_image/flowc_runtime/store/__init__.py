"""The object store: where bytes are kept, how values become bytes, the records of runs, and its upkeep."""
