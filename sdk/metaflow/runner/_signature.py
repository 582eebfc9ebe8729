"""The parameters of a flow, as reported by a process that runs the flow's file.

The Runner's process never imports the flow's file. Another module may have the same name, the file may change, and the
flow must see the environment variables and the working directory of its run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import fields
from typing import TYPE_CHECKING, Any, final

from flowc_ir.late.dataclass import dataclass, field
from metaflow._uncalled import NEVER_CALLED
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.model import Parameter


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParameter:
    """The properties of a flow's parameter that are needed to build a command line.

    Attributes:
        name: the name of the option on the command line.
        type: `str`, `int`, `float`, `bool`, `json` or `file`.
        default: the default as JSON, or None if the parameter has no default or a function computes the default.
        required: whether a run needs a value.
        multiple: whether the value is a list.
        separator: the separator of the values if a list is given as one string.
        flag: whether the option takes no value.
        converted: whether the parameter has a type of the flow's author, which converts the string; only the flow
            itself can then check a value.
    """

    name: str
    type: str
    default: str | None = None
    required: bool = False
    multiple: bool = False
    separator: str | None = None
    flag: bool = False
    converted: bool = False

    @classmethod
    def from_ir(cls, parameter: Parameter) -> FlowParameter:
        """Create the object from a parameter in the flow's intermediate representation."""
        return cls(
            **{part.name: getattr(parameter, part.name) for part in fields(cls) if hasattr(parameter, part.name)}
        )

    @property
    def keyword(self) -> str:
        """The name of the parameter as a Python keyword argument, with `_` for `-`."""
        return self.name.replace("-", "_")


@final
@dataclass(slots=True)
class Signatures:
    """Reads the parameters of one flow file by running the file. The result for an unchanged file is cached."""

    flow_file: str
    env: Mapping[str, str] | None = None
    cwd: str | None = None
    _known: dict[tuple[Any, ...], tuple[FlowParameter, ...]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)  # several threads may start runs at the same time

    def parameters(self, top: Sequence[str], more: Sequence[str] = ()) -> tuple[FlowParameter, ...]:
        """Return the flow's parameters for a command line with these options before the command.

        The flow's parameters can depend on these options, for example on the values of configs.

        `more` contains options of the command `signature`, for example options that name the run to resume.

        Raises:
            MetaflowException: the file defines no flow, or the flow has errors, which the message lists.
        """
        status = os.stat(os.path.join(self.cwd or "", self.flow_file))
        key = (status.st_mtime_ns, status.st_size, tuple(top), tuple(more))
        with self._lock:
            if key not in self._known:
                self._known[key] = self._ask(top, more)
            return self._known[key]

    def _ask(self, top: Sequence[str], more: Sequence[str]) -> tuple[FlowParameter, ...]:
        with tempfile.TemporaryDirectory(prefix="flowc-signature-") as directory:
            answer = os.path.join(directory, "signature.json")
            done = subprocess.run(
                [sys.executable, self.flow_file, "--quiet", *top, "signature", answer, *more],
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            if done.returncode != 0:
                raise MetaflowException(f"{self.flow_file} cannot be run:\n{done.stderr.strip()}")
            if not os.path.exists(answer):
                raise no_flow(self.flow_file, done.stderr)
            with open(answer, encoding="utf-8") as file:
                return tuple(FlowParameter(**found) for found in json.load(file)["parameters"])


def no_flow(flow_file: str, stderr: str) -> MetaflowException:
    """Return the error for a flow's file that defined no flow or never called it.

    Args:
        flow_file: the path of the file.
        stderr: the stderr of the file's process; it contains a warning and a hint if the file never calls its flow.
    """
    lines = stderr.strip().splitlines()
    for number, line in enumerate(lines):
        if line.endswith(NEVER_CALLED):  # a hint follows
            return MetaflowException("\n".join([line.removeprefix("warning: "), *lines[number + 1 :]]))
    return MetaflowException(f"No FlowSpec class found in {flow_file}")
