"""The template engine chevron, under the module name of Metaflow's bundled copy."""

from chevron import render

__all__ = ["render"]
