"""An executor that copies the code to another directory and runs the flow there, as if on another machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from flowc.executors import ExecutorJob, ExecutorResult, write_job


class DirectoryExecutor:
    """Copies a run's files to a temporary directory and calls `flowc run --local` there."""

    def execute(self, job: ExecutorJob) -> ExecutorResult:
        with tempfile.TemporaryDirectory(prefix="flowc-elsewhere-") as directory:
            words = write_job(job, directory)
            done = subprocess.run([sys.executable, "-m", "flowc", *words], cwd=directory, check=False)
            file = Path(directory, "run-id")
            return ExecutorResult(file.read_text() if file.exists() else "", done.returncode)


EXECUTOR = DirectoryExecutor()
