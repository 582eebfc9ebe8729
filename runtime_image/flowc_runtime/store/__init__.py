"""The object store: backends that keep bytes, the encoding of values, the records of runs, and upkeep."""
