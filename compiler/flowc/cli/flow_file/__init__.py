"""The commands of a flow's own command line, `python flow.py …`."""
