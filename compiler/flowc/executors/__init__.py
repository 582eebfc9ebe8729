"""Executors: what `flowc run` and `Pipeline.execute` run flows with (docs/plugins.md).

A package brings one as an entry point of the group `flowc.executors`, which names an `Executor`.
"""

from __future__ import annotations

from flowc.executors.executor import Executor, ExecutorError, ExecutorJob, ExecutorResult
from flowc.executors.job_files import write_job

__all__ = ["Executor", "ExecutorError", "ExecutorJob", "ExecutorResult", "write_job"]
