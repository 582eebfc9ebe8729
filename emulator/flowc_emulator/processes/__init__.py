"""The processes of tasks and those around them: starting, watching and ending them."""
