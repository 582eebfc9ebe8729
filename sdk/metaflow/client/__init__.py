"""The client: reads the results of runs in a program or a notebook (docs/client.md).

    >>> from metaflow import Flow
    >>> run = Flow("Letters").latest_successful_run
    >>> run.data.letters
    'ABC'

The client reads the store of local runs and cluster runs, and needs no server. The client is read-only, except for
tags.
"""

from metaflow.client.data import DataArtifact
from metaflow.client.flow import Flow, Metaflow
from metaflow.client.place import (
    default_metadata,
    default_namespace,
    get_metadata,
    get_namespace,
    inspect_spin,
    metadata,
    namespace,
)
from metaflow.client.run import Run
from metaflow.client.step import Step
from metaflow.client.task import Task

__all__ = [
    "DataArtifact",
    "Flow",
    "Metaflow",
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
