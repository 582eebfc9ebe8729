"""The in-pod entry point: the first and last container of a workflow, and one container per task."""
