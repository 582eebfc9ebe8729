"""Errors in requests to a cluster, each with a message of one line and a hint."""

from __future__ import annotations


class ClusterError(Exception):
    """An error that is shown to the user: `message` is one line, `hint` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Missing(ClusterError):
    """The cluster has no such object."""


class AlreadyThere(ClusterError):
    """An object of this name already exists."""
