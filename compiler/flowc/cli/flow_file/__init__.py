"""The commands of a flow's own file: `python flow.py …`."""
