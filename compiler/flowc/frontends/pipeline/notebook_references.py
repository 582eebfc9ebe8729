"""The notebooks of a pipeline: their paths in the code package, and the values that each notebook uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, final

from flowc.frontends.pipeline.function_references import FunctionError
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.run.nodes.programs.notebook_source import NotebookSourceError, read_notebook

if TYPE_CHECKING:
    from flowc.pipeline.steps import NotebookTask
    from flowc_runtime.run.nodes.programs.notebook_source import NotebookSource


@final
class NotebookReferences:
    """The notebooks of one pipeline. `sources` has the parsed notebooks by their paths in the code package."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._files: dict[str, bytes] = {}
        self.sources: dict[str, NotebookSource] = {}

    def find(self, step: NotebookTask) -> str:
        """Return the path of a task's notebook in the code package.

        The notebook is looked up beside the file that defines the task, then in the working directory.

        Raises:
            FunctionError: the notebook does not exist, is outside of the code's root, or is invalid.
        """
        path = _existing(step.notebook, os.path.dirname(os.path.abspath(step.place.file)))
        name = os.path.relpath(os.path.realpath(path), self._root).replace(os.sep, "/")
        if name.startswith("../"):
            raise FunctionError(
                f"the notebook {step.notebook} is outside of the pipeline's code, {self._root}",
                "move it there, so that it is packaged with the pipeline",
            )
        if name not in self.sources:
            try:
                self._files[name] = Path(path).read_bytes()
                self.sources[name] = read_notebook(self._files[name])
            except OSError as error:
                raise FunctionError(
                    f"cannot read the notebook {step.notebook}: {error.strerror}", "make it readable"
                ) from None
            except NotebookSourceError as error:
                hint = error.hint.replace("FILE", step.notebook)
                raise FunctionError(f"the notebook {step.notebook} cannot run: {error.message}", hint) from None
        return name

    def files(self) -> list[tuple[str, bytes]]:
        """Return the notebooks as files of the code package."""
        return list(self._files.items())


def _existing(name: str, beside: str) -> str:
    """Return the path of an existing notebook. Raises FunctionError if no notebook with this name exists."""
    places = [os.path.join(place, name) for place in (beside, os.getcwd())]
    for path in places:
        if os.path.isfile(path):
            return path
    others = [each for path in places for each in _notebooks(os.path.dirname(path))]
    near = closest(os.path.basename(name), others)
    raise FunctionError(
        f"there is no notebook {name}, neither beside the pipeline's file nor in the working directory",
        did_you_mean(near) if near else "write the path of an .ipynb file",
    )


def _notebooks(folder: str) -> list[str]:
    try:
        return [each for each in os.listdir(folder) if each.endswith(".ipynb")]
    except OSError:
        return []
