"""The in-pod entry point: the first and the last container of a workflow, and a container per task."""
