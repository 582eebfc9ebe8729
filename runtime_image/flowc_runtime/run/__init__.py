"""What the tasks of one run need of each other: parents, fan-outs, routes, results that are reused."""
