"""The base class of classes that run a flow's file in child processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from metaflow import _seam
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping


class Launcher:
    """A flow's file, and the environment and working directory in which its processes run.

    Attributes:
        flow_file: the absolute path of the flow's file.
        env_vars: all environment variables of the processes.
        top_level_kwargs: the options that precede the command.

    Raises:
        FileNotFoundError: the flow's file does not exist.
        MetaflowException: the file is not a Python program.
    """

    def __init__(
        self,
        flow_file: str,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        file_read_timeout: int = 3600,
        **kwargs: object,
    ) -> None:
        self.flow_file = os.path.abspath(flow_file)
        if not os.path.isfile(self.flow_file):
            raise FileNotFoundError(f"Flow file not present at '{self.flow_file}'")
        _check_python(self.flow_file)
        self.show_output = show_output
        self.profile = profile
        self.env = dict(env or {})
        self.env_vars = {**os.environ, **self.env, **({"METAFLOW_PROFILE": profile} if profile else {})}
        self.cwd = cwd or os.getcwd()
        self.file_read_timeout = file_read_timeout
        self.top_level_kwargs = kwargs


def _check_python(file: str) -> None:
    """Raise an error for a file that is not Python.

    Without this check, Python would execute, for example, the JSON of a notebook.
    """
    try:
        with open(file, "rb") as opened:
            fault = _seam.refuse_other(file, opened.read())
    except OSError:  # the file cannot be read, which the process that runs the file reports
        return
    if fault is not None:
        raise MetaflowException(fault)
