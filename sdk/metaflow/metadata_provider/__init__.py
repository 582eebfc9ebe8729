"""How hooks record metadata of tasks: `metadata.register_metadata(run_id, step_name, task_id, [MetaDatum(…)])`."""

from metaflow.metadata_provider.metadata import MetadataProvider, MetaDatum

__all__ = ["MetaDatum", "MetadataProvider"]
