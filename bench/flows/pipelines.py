"""The same pipelines for flowc and for runnable; only the imported library differs.

python pipelines.py LIBRARY chain|map NUMBER: the library is `flowc.pipeline` or `runnable`.
"""

import importlib
import sys
from typing import Any

from plain_functions import add, numbers, square, total  # type: ignore[import-not-found] # beside this file


def make(library: Any, shape: str, number: int) -> tuple[Any, dict[str, int]]:
    """Return a pipeline of `number` steps one after another, or a map of `number` items."""
    if shape == "chain":
        steps = [library.PythonTask(name=f"step_{at}", function=add, returns=["count"]) for at in range(number)]
        return library.Pipeline(steps=steps), {"count": 0}
    branch = library.PythonTask(name="square", function=square, returns=["squares"]).as_pipeline()
    steps = [
        library.PythonTask(name="numbers", function=numbers, returns=["items"]),
        library.Map(name="each", branch=branch, iterate_on="items", iterate_as="item"),
        library.PythonTask(name="total", function=total),
    ]
    return library.Pipeline(steps=steps), {"width": number}


def main() -> Any:
    """Run the pipeline of the command line. runnable calls this function again for each task."""
    library_name, shape, number = sys.argv[1:4]
    pipeline, parameters = make(importlib.import_module(library_name), shape, int(number))
    if library_name == "flowc.pipeline":
        pipeline.execute(parameters)
    else:
        pipeline.execute()
    return pipeline


if __name__ == "__main__":
    main()
