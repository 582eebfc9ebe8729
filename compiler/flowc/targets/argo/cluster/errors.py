"""What can go wrong between here and the cluster, each in one line with a hint."""

from __future__ import annotations


class ClusterError(Exception):
    """Told to the user as it is: `message` is one line, `hint` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Missing(ClusterError):
    """The cluster has no such object."""


class AlreadyThere(ClusterError):
    """An object of this name exists."""
