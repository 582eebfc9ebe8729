"""Execute the tasks of a run: find a task's parents, choose the tasks that follow it, read and store artifacts and
metrics, and reuse results."""
