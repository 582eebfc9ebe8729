"""The error that is raised when a faulty pipeline is defined or executed."""

from __future__ import annotations


class PipelineError(Exception):
    """A pipeline, or an argument of its execution, is wrong. The message has each fault with its place and a hint."""
