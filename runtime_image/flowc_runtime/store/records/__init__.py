"""The records of runs and tasks: their types, shapes, versions and places in the store."""
