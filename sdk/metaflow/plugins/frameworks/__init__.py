"""Frameworks for training over several machines."""
