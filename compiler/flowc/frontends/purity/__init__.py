"""Decide whether importing user code is harmless: then tasks can share the process that has imported it."""
