"""The parameters of a flow, which a process of the flow's own file reports.

The file is never imported here: several files may have its name, the file may have changed since, and it must see the
environment and the directory of its run.
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
    """A parameter of a flow, as far as command lines depend on it.

    Attributes:
        name: the name on the command line.
        type: `str`, `int`, `float`, `bool`, `json` or `file`.
        default: JSON; None if the parameter has none or computes it.
        required: whether a run needs a value.
        multiple: whether the value is a list.
        separator: separates the values of a list that is given as one string.
        flag: whether it is an option without a value.
        converted: whether a type of the flow's own converts the string; only the flow can then check a value.
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
        """Return the parameter that the flow's intermediate representation describes."""
        return cls(
            **{part.name: getattr(parameter, part.name) for part in fields(cls) if hasattr(parameter, part.name)}
        )

    @property
    def keyword(self) -> str:
        """The parameter's name as an argument in Python."""
        return self.name.replace("-", "_")


@final
@dataclass(slots=True)
class Signatures:
    """The signatures of one flow file. An unchanged file is asked only once."""

    flow_file: str
    env: Mapping[str, str] | None = None
    cwd: str | None = None
    _known: dict[tuple[Any, ...], tuple[FlowParameter, ...]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)  # threads may start several runs at once

    def parameters(self, top: Sequence[str], more: Sequence[str] = ()) -> tuple[FlowParameter, ...]:
        """Return the parameters of the flow with these words before the command, which may change them.

        `more` are options of the command `signature`, such as those that name the run to resume.

        Raises:
            MetaflowException: the file defines no flow, or the flow has faults, which the message lists.
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
    """Return the error of a flow's file that ran nothing.

    Args:
        flow_file: the path of the file.
        stderr: the output of the file; it has a warning and a hint if the file never calls its flow.
    """
    lines = stderr.strip().splitlines()
    for number, line in enumerate(lines):
        if line.endswith(NEVER_CALLED):  # a hint follows
            return MetaflowException("\n".join([line.removeprefix("warning: "), *lines[number + 1 :]]))
    return MetaflowException(f"No FlowSpec class found in {flow_file}")
