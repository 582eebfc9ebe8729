"""Reads the graph of a flow's class: its steps and the transitions between them."""
