"""The tasks of one run and how they depend on each other: parents, fan-outs, transitions, reused results."""
