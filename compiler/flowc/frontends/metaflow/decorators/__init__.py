"""Decorators of steps and flows -> what the IR says of nodes and flows."""
