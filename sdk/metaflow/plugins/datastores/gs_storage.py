"""Names that extensions import from Metaflow's Google Cloud storage; flowc stores their files in directories only."""

from metaflow.plugins.storage_executor import as_completed, handle_executor_exceptions

__all__ = ["as_completed", "handle_executor_exceptions"]
