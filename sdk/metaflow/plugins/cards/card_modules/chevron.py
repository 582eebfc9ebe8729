"""The engine of templates, where Metaflow has its own copy of it."""

from chevron import render

__all__ = ["render"]
