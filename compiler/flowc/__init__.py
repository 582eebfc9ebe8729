"""flowc: flows in the Metaflow API, compiled to Argo Workflows and run locally by the same runtime."""

__all__ = ["__version__"]

__version__ = "0.1.0"
