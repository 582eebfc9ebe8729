"""Decorators of a user's own: what wraps a step's code, and what changes a flow before it is compiled or run."""
