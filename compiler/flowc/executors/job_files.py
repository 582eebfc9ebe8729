"""Writes the files for a run on another machine (the IR, the code and the parameters), and makes the command that
executes the run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc_ir import json_text
from flowc_ir.schema import dumps

if TYPE_CHECKING:
    from flowc.executors.executor import ExecutorJob

RUN_ID: Final = "run-id"
"""The name of the file to which the command of `write_job` writes the run's id when the run has begun."""


def write_job(job: ExecutorJob, directory: str) -> list[str]:
    """Write the files that a run needs into a directory, which may be copied to another machine.

    Args:
        job: the run to make.
        directory: an existing directory.

    Returns:
        The arguments with which the command `flowc` makes the run. The command must be started in that directory. When
        the run has begun, the command writes the run's id to the file `run-id`. The exit code of the command is 0 if
        the run succeeded.

    Raises:
        OSError: a file cannot be written, or a file that is a parameter cannot be read.
    """
    root = Path(directory)
    (root / "ir.json").write_text(dumps(job.flow), encoding="utf-8")
    for name, content in job.package.files:
        path = root / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    values = dict(job.parameters)
    for parameter in job.flow.parameters:
        value = values.get(parameter.name)
        if parameter.type == "file" and isinstance(value, str):
            kept = Path("parameters", parameter.name, Path(value).name)
            (root / kept).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(value, root / kept)
            values[parameter.name] = str(kept)
    (root / "parameters.json").write_text(json_text.dumps(values), encoding="utf-8")
    settings = "".join(f"{key} = {json_text.dumps(value)}\n" for key, value in job.settings.items())
    (root / "flowc.toml").write_text(settings, encoding="utf-8")
    words = ["run", "--local", "--code", "code", "--store", job.store, "--run-id-file", RUN_ID]
    words += ["--params-file", "parameters.json"]
    if job.max_workers is not None:
        words += ["--max-workers", str(job.max_workers)]
    if "secrets" in job.settings:  # a path that is given as an option is relative to the working directory
        words += ["--secrets", job.settings["secrets"]]
    if job.environment is not None:
        words += ["--environment", job.environment]
    for tag in job.tags:
        words += ["--tag", tag]
    return [*words, "ir.json"]
