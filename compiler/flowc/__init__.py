"""flowc compiles flows that are written in the Metaflow API to Argo Workflows, and runs them locally with the same
runtime.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
