"""The processes of tasks and their helpers: starting, watching and ending them."""
