"""Executes the notebook of a step in a Jupyter kernel: passes the inputs, and reads the returns.

A separate process (`notebook_kernel`) executes the notebook once, so that a timeout or a signal can end the execution,
as for a shell command. Objects that JSON cannot represent are passed as pickle files in a private directory.
"""

from __future__ import annotations

import os
import pickle
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc_ir import Notebook, json_text
from flowc_ir.late import LateModule
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.contract import CODE, METRICS, POD
from flowc_runtime.process.scratch import ScratchDirectory
from flowc_runtime.run.metrics.recording import collect_checked
from flowc_runtime.run.nodes.programs import notebook_kernel
from flowc_runtime.run.nodes.programs.command_process import run_program
from flowc_runtime.run.nodes.programs.json_values import json_values, pickled_names
from flowc_runtime.run.nodes.programs.masking import Masks
from flowc_runtime.run.nodes.programs.notebook_source import NotebookSourceError, read_notebook
from flowc_runtime.run.nodes.returned import as_returned
from flowc_runtime.run.nodes.variables import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import cloudpickle

    from flowc_ir import Flow, Node
    from flowc_ir.json_text import Json
    from flowc_runtime.run.nodes.variables import Variables
else:
    cloudpickle = LateModule("cloudpickle")

EXECUTED: Final = "executed_notebook"
"""The name of the artifact with the text of the executed notebook; failed attempts store this artifact too."""

_NEEDED: Final = ("nbclient", "nbformat", "ipykernel")

# This code runs in the kernel after the last cell. The code must not import flowc or change the notebook's variables.
_RETURNS: Final = """\
def __flowc_returns(names, directory):
    import json, os, pickle
    try:
        from cloudpickle import dumps
    except ImportError:
        dumps = pickle.dumps
    status = {}
    for name in names:
        if name not in globals():
            status[name] = "missing"
            continue
        try:
            data = dumps(globals()[name])
        except Exception as error:
            status[name] = f"{type(error).__name__}: {error}"
            continue
        with open(os.path.join(directory, f"return-{name}"), "wb") as file:
            file.write(data)
    with open(os.path.join(directory, "returns.json"), "w") as file:
        json.dump(status, file)
__flowc_returns(%r, %r)
"""


class NotebookError(RuntimeError):
    """A cell of a notebook failed, or the notebook cannot run."""


class NotebookReturnError(ValueError):
    """A notebook does not set a variable that its task returns, or the variable cannot be stored."""


def run_notebook(task: Variables, node: Node, action: Notebook, flow: Flow, root: str) -> dict[str, object]:
    """Execute the notebook of a step; return its returns by name. The executed notebook becomes an artifact.

    Args:
        task: the values of the task.
        node: the step.
        action: the step's action in the IR, which names the notebook.
        flow: the flow.
        root: the directory of the user's code.

    Raises:
        NotebookError: a cell failed, or the notebook cannot run.
        NotebookReturnError: a return is missing, cannot be stored, or contains a secret.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        in_pod = "build the image with them, --build-arg EXTRA_PIP='nbclient ipykernel'"
        remedy = in_pod if POD in os.environ else "pip install 'flowc[notebook]'"
        python = f"the Python of its step ({sys.executable})"
        raise NotebookError(f"notebook {action.file} needs {', '.join(missing)} in {python}: {remedy}")
    masks = Masks(ambient().secrets)
    with ScratchDirectory("notebook") as directory:
        place = Path(directory)
        executed, status = place / "executed.ipynb", place / "status.json"
        order = {
            "notebook": os.path.join(root, action.file),
            "executed": str(executed),
            "status": str(status),
            "directory": directory,
            "values": _values(task, action, flow, root, place),
            "returns": _RETURNS % ([each.name for each in action.returns], directory) if action.returns else "",
        }
        (place / "order.json").write_text(json_text.dumps(order), encoding="utf-8")
        ended = run_program(
            [sys.executable, notebook_kernel.__file__, str(place / "order.json")],
            _environment(root, action, directory), masks,
        )  # fmt: skip
        if executed.exists():
            setattr(task, EXECUTED, masks.text(executed.read_text(encoding="utf-8")))
        if not status.exists():
            lines = "".join(f"\n  {line}" for line in ended.last_lines)
            raise NotebookError(f"notebook {action.file}: its process exited with code {ended.code}{lines}")
        failure = json_text.mapping(status.read_bytes())
        if failure:
            raise _failed(action.file, failure, masks)
        collect_checked(f"notebook {action.file}")
        return dict(_returned(action, place, masks))


def _environment(root: str, action: Notebook, directory: str) -> dict[str, str]:
    """Return the environment variables of the notebook's process; PYTHONPATH begins with the directory of the user's
    code."""
    folders = [os.path.abspath(root), os.path.dirname(os.path.abspath(os.path.join(root, action.file)))]
    path = [*dict.fromkeys(folders), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    metrics = ambient().metrics
    return {
        **os.environ,
        **({METRICS: metrics.file} if metrics is not None else {}),
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": os.path.join(directory, "ipython"),
        "JUPYTER_RUNTIME_DIR": directory,
        CODE: os.path.abspath(root),
    }


# -- inputs ------------------------------------------------------------------------------------------------------------


def _values(task: Variables, action: Notebook, flow: Flow, root: str, directory: Path) -> str:
    """Return the source of a cell that assigns the inputs; empty without inputs. Raises NotebookError."""
    try:
        source = read_notebook(Path(root, action.file).read_bytes())
    except OSError as error:
        raise NotebookError(f"notebook {action.file} is not in the code package: {error.strerror}") from None
    except NotebookSourceError as error:
        raise NotebookError(f"notebook {action.file}: {error}") from None
    wanted = source.used | set(source.defaults)
    plain = json_values(task, flow, wanted)
    lines = [f"{name} = {_literal(value)}" for name, value in plain.items()]
    objects = sorted(pickled_names(flow) & wanted & set(names_of(task)) - set(plain))
    for name in objects:
        file = directory / f"value-{name}"
        _pickle(getattr(task, name), file)
        lines.append(f"{name} = __import__('pickle').load(open({str(file)!r}, 'rb'))")
    return "\n".join(lines)


def _literal(value: Json) -> str:
    """Convert a JSON value to Python source."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key!r}: {_literal(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)


def _pickle(value: object, file: Path) -> None:
    try:
        data = pickle.dumps(value)
    except Exception:  # for example, the value is a function that cannot be imported
        data = cloudpickle.dumps(value)
    file.write_bytes(data)


# -- outcome -----------------------------------------------------------------------------------------------------------


def _failed(file: str, failure: Mapping[str, Json], masks: Masks) -> NotebookError:
    """Create the error for a failed cell, with the cell's traceback as a note."""
    place = f"notebook {file}"
    if "cell" in failure:
        place += f", code cell {failure['cell']}" if failure["cell"] else ", the cell with the values of the step"
    if failure.get("line"):
        place += f", line {failure['line']} (`{failure['source']}`)"
    error = NotebookError(masks.text(f"{place}: {failure['message']}"))
    trace = masks.text(str(failure.get("traceback", "")))
    if sys.version_info >= (3, 11):
        error.add_note(trace)
    elif trace:  # Python 3.10 has no `add_note`
        print(trace, file=sys.stderr)
    return error


def _returned(action: Notebook, directory: Path, masks: Masks) -> Iterator[tuple[str, object]]:
    """Read the return values that the notebook's kernel has written to files, and yield (name, value) for each. Raises
    NotebookReturnError."""
    if not action.returns:
        return
    status = json_text.mapping((directory / "returns.json").read_bytes())
    for each in action.returns:
        what = f"notebook {action.file}"
        if status.get(each.name) == "missing":
            raise NotebookReturnError(
                f"{what} does not set the variable '{each.name}', which its task returns: assign it in a cell"
            )
        if (why := status.get(each.name)) is not None:
            raise NotebookReturnError(f"{what}: the variable '{each.name}' cannot be pickled: {why}")
        data = (directory / f"return-{each.name}").read_bytes()
        if problem := masks.problem_of(each.name, data.decode("utf-8", "replace")):
            raise NotebookReturnError(f"{what} {problem}")
        yield each.name, as_returned(pickle.loads(data), each, what)
