"""Decide whether importing user code is harmless. If it is, tasks can share the process that has imported it."""
