"""An executor that runs flows in another directory, with a copy of the code, as another machine would."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from flowc.executors import ExecutorJob, ExecutorResult, write_job


class DirectoryExecutor:
    """Runs `flowc run --local` on the files of a run in a temporary directory."""

    def execute(self, job: ExecutorJob) -> ExecutorResult:
        with tempfile.TemporaryDirectory(prefix="flowc-elsewhere-") as directory:
            words = write_job(job, directory)
            done = subprocess.run([sys.executable, "-m", "flowc", *words], cwd=directory, check=False)
            file = Path(directory, "run-id")
            return ExecutorResult(file.read_text() if file.exists() else "", done.returncode)


EXECUTOR = DirectoryExecutor()
