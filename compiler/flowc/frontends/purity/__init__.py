"""Decide whether importing a user's modules is harmless."""
