"""Executors: the plugins with which `flowc run` and `Pipeline.execute` run flows (docs/plugins.md).

A package provides an executor by an entry point of the group `flowc.executors`, which refers to an `Executor`.
"""

from __future__ import annotations

from flowc.executors.executor import Executor, ExecutorError, ExecutorJob, ExecutorResult
from flowc.executors.job_files import write_job

__all__ = ["Executor", "ExecutorError", "ExecutorJob", "ExecutorResult", "write_job"]
