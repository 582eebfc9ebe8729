"""Execute the tasks of a run: parents and transitions of tasks, foreach, artifacts, metrics, reused results."""
