"""Decide whether importing user code is harmless. If the import is harmless, tasks can be forks of the process that has
imported the code."""
