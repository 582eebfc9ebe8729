"""The program of a process that executes one notebook in a kernel of this Python.

The program does not import flowc, since it runs in the environment of the step. The program's argument is the path of a
JSON file, which is called the order. The order contains the paths `notebook`, `executed`, `status` and `directory`, and
the Python sources `values`, which assigns the inputs, and `returns`, which writes the returns.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANSI = late_pattern(r"\x1b\[[0-9;]*[A-Za-z]")
_LINE = late_pattern(r"Cell In ?\[\d+\], line (\d+)")
_LONGEST = 160  # the largest number of characters of a source line in an error


def main() -> None:
    """Read the order (a JSON file), and execute the notebook that the order names."""
    sys.path.pop(0)  # removes this file's directory from `sys.path`, since its modules could hide other modules
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    status = asyncio.run(execute(order))
    # This program does not import flowc's modules.
    Path(order["status"]).write_text(json.dumps(status), encoding="utf-8")  # noqa: TID251


async def execute(order: Mapping[str, Any]) -> dict[str, Any]:
    """Execute a notebook and write it with its outputs; return a description of its failure, empty on success."""
    nbformat: Any = import_module("nbformat")
    exceptions: Any = import_module("nbclient.exceptions")
    notebook = nbformat.read(order["notebook"], as_version=4)
    numbers = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    positions = {id(notebook.cells[number]): count for count, number in enumerate(numbers, 1)}
    _inject(nbformat, notebook, order["values"])
    last = nbformat.v4.new_code_cell(order["returns"])
    client = _client(notebook, order)
    try:
        async with client.async_setup_kernel(cleanup_kc=True):
            for index, cell in enumerate(list(notebook.cells)):
                try:
                    await client.async_execute_cell(cell, index)
                except exceptions.CellExecutionError as error:
                    return _failure(cell, positions.get(id(cell), 0), error)
            if order["returns"]:
                notebook.cells.append(last)
                await client.async_execute_cell(last, len(notebook.cells) - 1)
    except (exceptions.DeadKernelError, RuntimeError) as error:
        return {"message": f"its kernel died: {error}", "traceback": ""}
    finally:
        notebook.cells[:] = [cell for cell in notebook.cells if cell is not last]
        nbformat.write(notebook, order["executed"])
    return {}


def _inject(nbformat: Any, notebook: Any, lines: str) -> None:
    """Insert a cell that sets the values: after the parameters cell, or at the top if there is no such cell."""
    if not lines:
        return
    cell = nbformat.v4.new_code_cell(lines, metadata={"tags": ["injected-parameters"]})
    if notebook.nbformat_minor < 5:
        del cell["id"]
    after = [number for number, each in enumerate(notebook.cells) if "parameters" in each.metadata.get("tags", [])]
    notebook.cells.insert(after[0] + 1 if after else 0, cell)


def _client(notebook: Any, order: Mapping[str, Any]) -> Any:
    """Return a client that executes cells in a kernel of this Python, and copies their output to stdout and stderr."""
    manager_class: Any = import_module("jupyter_client.manager").AsyncKernelManager
    spec_class: Any = import_module("jupyter_client.kernelspec").KernelSpec
    base: Any = import_module("nbclient").NotebookClient
    words = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    # The kernel uses sockets in a private directory, since kernels of other tasks could occupy its ports.
    manager = manager_class(transport="ipc", connection_file=os.path.join(order["directory"], "k.json"))
    manager._kernel_spec = spec_class(argv=words, display_name="Python", language="python")

    class Client(base):  # type: ignore[misc]  # nbclient may not be installed
        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: Any) -> Any:
            _show(msg)
            return super().output(outs, msg, display_id, cell_index)

    return Client(
        notebook, km=manager, timeout=None, startup_timeout=300, resources={"metadata": {"path": os.getcwd()}},
    )  # fmt: skip


def _show(message: Mapping[str, Any]) -> None:
    content = message["content"]
    match message["msg_type"]:
        case "stream":
            stream = sys.stderr if content["name"] == "stderr" else sys.stdout
            stream.write(content["text"])
            stream.flush()
        case "display_data" | "execute_result":
            if text := content["data"].get("text/plain"):
                print(text, flush=True)


def _failure(cell: Any, number: int, error: Any) -> dict[str, Any]:
    """Describe a failure: the number of the cell, the line and its source, and the error."""
    trace = next((each for each in reversed(cell.outputs) if each.output_type == "error"), None)
    text = _ANSI.sub("", "\n".join(trace.traceback)) if trace is not None else _ANSI.sub("", str(error))
    lines = cell.source.split("\n")
    match = _LINE.search(text)
    line = int(match[1]) if match else 0
    source = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    name, value = (trace.ename, trace.evalue) if trace is not None else (error.ename, error.evalue)
    message = f"{name}: {_ANSI.sub('', value)}".removesuffix(": ")
    if len(source) > _LONGEST:
        source = f"{source[:_LONGEST]}…"
    return {"cell": number, "line": line, "source": source, "message": message, "traceback": text}


if __name__ == "__main__":
    main()
