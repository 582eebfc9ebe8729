"""The code that runs in the pods of a workflow: one container per task, and one container that records the end of the
run."""
