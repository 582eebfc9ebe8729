"""Errors of pipelines that are raised where the pipeline is written or executed."""

from __future__ import annotations


class PipelineError(Exception):
    """A pipeline, or an argument of it, is wrong. The message has each fault with its place and a hint."""
