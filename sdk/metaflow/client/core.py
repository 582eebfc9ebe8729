"""`metaflow.client.core`, as in Metaflow: the names of `metaflow.client`, and other classes of the client."""

from metaflow.client import (
    DataArtifact,
    Flow,
    Metaflow,
    Run,
    Step,
    Task,
    default_metadata,
    default_namespace,
    get_metadata,
    get_namespace,
    inspect_spin,
    metadata,
    namespace,
)
from metaflow.client.base import MetaflowObject
from metaflow.client.code import MetaflowCode
from metaflow.client.data import MetaflowData
from metaflow.client.facts import Metadata
from metaflow.exception import MetaflowInvalidPathspec, MetaflowNamespaceMismatch, MetaflowNotFound

__all__ = [
    "DataArtifact",
    "Flow",
    "Metadata",
    "Metaflow",
    "MetaflowCode",
    "MetaflowData",
    "MetaflowInvalidPathspec",
    "MetaflowNamespaceMismatch",
    "MetaflowNotFound",
    "MetaflowObject",
    "Run",
    "Step",
    "Task",
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "inspect_spin",
    "metadata",
    "namespace",
]
