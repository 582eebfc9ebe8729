"""The client by the name that programs know it by: what `metaflow.client` has, and the classes behind it."""

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
    metadata,
    namespace,
)
from metaflow.client.base import MetaflowObject
from metaflow.client.code import MetaflowCode
from metaflow.client.data import MetaflowData
from metaflow.client.facts import Metadata

__all__ = [
    "DataArtifact",
    "Flow",
    "Metadata",
    "Metaflow",
    "MetaflowCode",
    "MetaflowData",
    "MetaflowObject",
    "Run",
    "Step",
    "Task",
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "metadata",
    "namespace",
]
