"""Analyses of a flow's graph: its structure, its loops, its regions, and the scopes around each node."""
