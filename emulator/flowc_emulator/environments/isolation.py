"""Run a task in another interpreter: the forked child executes that interpreter (exec), which keeps the child's pipes
and session."""

from __future__ import annotations

import os
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, final

from flowc_emulator.scheduling.threads import CHOSEN
from flowc_ir import json_text
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base.user_cache import cache_home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_runtime.run.assignment import Assignment

# The packages that a task in another interpreter imports from this interpreter's installation; all are pure Python.
_SHARED = ("flowc", "flowc_ir", "flowc_runtime", "metaflow", "cloudpickle")
# The first argument replaces the working directory in sys.path, because modules of that directory could hide flowc's
# own.
_BOOT = (
    "import sys; sys.path[0] = sys.argv.pop(1); from flowc_runtime.run.task.isolated import main; "
    "from flowc_runtime.process.process import leave; leave(main())"
)


@final
@dataclass(frozen=True, slots=True)
class Isolation:
    """The steps that run in their own interpreter (step -> the interpreter's path), and the root of the flow's code."""

    interpreters: Mapping[str, str]
    root: Path
    bridge: str

    @classmethod
    def over(cls, interpreters: Mapping[str, str], root: Path) -> Isolation:
        """Return the isolation of the steps; create the directory with links to flowc's packages if it does not exist.

        Args:
            interpreters: for each step with its own interpreter, the path of the interpreter.
            root: the root of the flow's code.
        """
        return cls(interpreters, root, _make_bridge())

    def takes(self, job: Assignment) -> bool:
        """Return whether an attempt runs in another interpreter; an attempt that only records a caught failure does
        not."""
        return job.step in self.interpreters and not job.only_catch

    def enter(self, job: Assignment, control: int, tasks: int) -> NoReturn:
        """Replace this process, the forked child of one attempt, with the step's interpreter (exec).

        Hazard: only the standard streams and `control` are inheritable, so exec closes all other descriptors.

        Args:
            job: the attempt.
            control: the descriptor of the control pipe, on which the task reports its result.
            tasks: the number of parallel tasks; each task's native thread pools get a share of the cores.

        Raises:
            OSError: the interpreter cannot be executed.
        """
        python = self.interpreters[job.step]
        order = {
            "store": job.run.objects.url,
            "flow": job.run.flow,
            "run": job.run.id,
            "root": str(self.root),
            "control": control,
            "assignment": job.portable,
        }
        os.set_inheritable(control, True)
        directory = os.path.dirname(python)
        environment = dict(os.environ)
        environment["VIRTUAL_ENV"] = os.path.dirname(directory)
        environment["PATH"] = os.pathsep.join(filter(None, (directory, environment.get("PATH"))))
        if tasks > 1 and not any(name in environment for name in CHOSEN):
            environment["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // tasks))
        os.execve(python, [python, "-c", _BOOT, self.bridge, json_text.dumps(order)], environment)


def _make_bridge() -> str:
    """Return a directory that contains flowc's own packages and no others, for `sys.path`."""
    homes: dict[str, str] = {}
    for name in _SHARED:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            homes[name] = os.path.dirname(spec.origin)
    digest = sha256(json_text.dumps(homes).encode()).hexdigest()[:16]
    bridge = Path(cache_home(), "bridges", digest)
    bridge.mkdir(parents=True, exist_ok=True)
    for name, home in homes.items():
        link = bridge / name
        if not link.is_symlink():
            temporary = bridge / f".{name}.{os.getpid()}"
            temporary.symlink_to(home)
            temporary.rename(link)  # another process may have created an equal link at the same time
    return str(bridge)
