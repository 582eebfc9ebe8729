"""Decorators for back ends of Metaflow that flowc does not support: AWS Batch, and Airflow's sensors.

Locally, a flow with such a decorator runs, and a note says that the decorator has no effect. Compiling the flow for a
cluster fails.
"""

from __future__ import annotations

from typing import Any

from metaflow.decorators import _decorate

__all__ = ["airflow_external_task_sensor", "airflow_s3_key_sensor", "batch"]


def batch(*args: object, **kwargs: object) -> Any:
    """Request AWS Batch, which flowc does not support; use `@kubernetes` or `@resources` instead.

    Targets:
        local: no effect; flowc prints a note
        argo: refused
    """
    return _decorate("batch", args, kwargs)


def airflow_external_task_sensor(*args: object, **kwargs: object) -> Any:
    """Request an Airflow sensor that waits for a task of another DAG; flowc does not support Airflow.

    Targets:
        local: no effect; flowc prints a note
        argo: refused
    """
    return _decorate("airflow_external_task_sensor", args, kwargs)


def airflow_s3_key_sensor(*args: object, **kwargs: object) -> Any:
    """Request an Airflow sensor that waits for an object in S3; flowc does not support Airflow.

    Targets:
        local: no effect; flowc prints a note
        argo: refused
    """
    return _decorate("airflow_s3_key_sensor", args, kwargs)
