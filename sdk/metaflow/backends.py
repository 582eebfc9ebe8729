"""Decorators for back ends of Metaflow's that flowc has not: AWS Batch, and Airflow's sensors.

A flow that has them runs on this machine, which says that they have no effect; it is not compiled for a cluster.
"""

from __future__ import annotations

from typing import Any

from metaflow.decorators import _decorate

__all__ = ["airflow_external_task_sensor", "airflow_s3_key_sensor", "batch"]


def batch(*args: Any, **kwargs: Any) -> Any:
    """Ask for AWS Batch, which flowc has not: `@kubernetes` and `@resources` are what it has for clusters."""
    return _decorate("batch", args, kwargs)


def airflow_external_task_sensor(*args: Any, **kwargs: Any) -> Any:
    """Ask Airflow to wait for a task of another DAG, which is for flows that run there."""
    return _decorate("airflow_external_task_sensor", args, kwargs)


def airflow_s3_key_sensor(*args: Any, **kwargs: Any) -> Any:
    """Ask Airflow to wait for an object of S3, which is for flows that run there."""
    return _decorate("airflow_s3_key_sensor", args, kwargs)
