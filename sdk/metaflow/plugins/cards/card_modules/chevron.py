"""The template engine, under the name of Metaflow's own copy of it."""

from chevron import render

__all__ = ["render"]
