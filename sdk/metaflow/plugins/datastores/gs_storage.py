"""Names that extensions import from Metaflow's Google Cloud storage; extensions can store files only in directories."""

from metaflow.plugins.storage_executor import as_completed, handle_executor_exceptions

__all__ = ["as_completed", "handle_executor_exceptions"]
