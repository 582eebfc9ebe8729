"""Frameworks for training on several machines."""
