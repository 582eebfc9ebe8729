"""The records of runs and tasks: their types, shapes, versions and keys in the store."""
