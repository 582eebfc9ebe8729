"""What a flow takes: asked of the flow's own file in a process of its own.

The file is never imported here: it may be one of many of the same name, it may have changed since, and it is to see
the environment and the directory that its run will see.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, final

from metaflow._uncalled import NEVER_CALLED
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc_ir.model import Parameter


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParameter:
    """A parameter of a flow. `default` is JSON; None where there is none or it is computed."""

    name: str
    type: str
    default: str | None = None
    required: bool = False
    multiple: bool = False
    separator: str | None = None
    flag: bool = False
    converted: bool = False

    @classmethod
    def of(cls, parameter: Parameter) -> FlowParameter:
        """The same of a flow's intermediate representation."""
        return cls(
            **{part.name: getattr(parameter, part.name) for part in fields(cls) if hasattr(parameter, part.name)}
        )

    @property
    def keyword(self) -> str:
        """Its name as an argument in Python."""
        return self.name.replace("-", "_")


@final
@dataclass(slots=True)
class Signatures:
    """Where the signatures of one flow file come from; a file that has not changed is asked once."""

    flow_file: str
    env: Mapping[str, str] | None = None
    cwd: str | None = None
    _known: dict[tuple[Any, ...], tuple[FlowParameter, ...]] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)  # several runs may be started at once, from threads

    def parameters(self, top: Sequence[str], more: Sequence[str] = ()) -> tuple[FlowParameter, ...]:
        """The parameters that the flow has with these words before the command, which may change them.

        `more` are options of the command `signature`, such as those that say which run is resumed.

        Raises:
            MetaflowException: the file has no flow, or the flow has faults, which it tells.
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


def no_flow(flow_file: str, said: str) -> MetaflowException:
    """Return the error of a flow's file that ran nothing: it says on stderr if it never calls its flow."""
    lines = said.strip().splitlines()
    for number, line in enumerate(lines):
        if line.endswith(NEVER_CALLED):  # and a hint follows
            return MetaflowException("\n".join([line.removeprefix("warning: "), *lines[number + 1 :]]))
    return MetaflowException(f"No FlowSpec class found in {flow_file}")
