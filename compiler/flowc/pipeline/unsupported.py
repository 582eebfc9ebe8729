"""The public names of the package runnable that flowc does not support. The names can be imported, but every use raises
PipelineError."""

from __future__ import annotations

from typing import Final, NoReturn, final

from flowc.pipeline.errors import PipelineError

_CONFIGURED: Final = "choose it by the configuration (docs/configuration.md)"
_OWN: Final = "import the module from its own package"
HINTS: Final = {
    "Console": "import it from rich",
    "console": "print to stdout, or make a Console of rich",
    "task_console": "print to stdout, which the task's log keeps",
    "catalog": _CONFIGURED,
    "context": "use current of metaflow inside a step",
    "datastore": "read runs by the client, `from metaflow import Run`",
    "defaults": _CONFIGURED,
    "exceptions": "catch flowc.pipeline.PipelineError and flowc.pipeline.RunFailed",
    "executor": _CONFIGURED,
    "graph": "read the flow by `flowc ir`",
    "names": "flowc makes the ids of runs",
    "nodes": "flowc has no plugins for kinds of steps: write a function that makes a Pipeline",
    "os": _OWN,
    "parameters": "give values by execute(parameters)",
    "pickler": _CONFIGURED,
    "sdk": "import its names from flowc.pipeline",
    "secrets": _CONFIGURED,
    "tasks": "flowc has no plugins for kinds of tasks: write a function, and name it in a PythonTask",
    "telemetry": "read the events of execute_streaming() or of set_stream_queue()",
    "utils": "flowc has no such helpers",
}
"""For each unsupported name, a hint that says what to do instead."""


@final
class UnsupportedName:
    """The value of an unsupported name; using it raises PipelineError."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _refuse(self) -> NoReturn:
        raise PipelineError(f"flowc.pipeline does not support runnable's '{self._name}': {HINTS[self._name]}")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # Python and editors read dunder attributes of any object
        self._refuse()

    def __call__(self, *values: object, **named: object) -> NoReturn:
        """Raise PipelineError."""
        self._refuse()

    def __repr__(self) -> str:
        return f"<runnable's {self._name}, which flowc does not support>"
