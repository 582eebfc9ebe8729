"""Analyses of a flow's graph: its shape, its loops, its regions, and where each task is."""
