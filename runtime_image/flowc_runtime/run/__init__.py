"""Execute the tasks of a run: find the parents of a task, choose the next tasks, read and store artifacts and metrics,
and reuse results."""
