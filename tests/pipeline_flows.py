"""A pipeline with every kind of step, which tests run in the emulator, in the simulated controller and on a cluster.

`FILES` are the files of the user's directory. `every` has shell and Python steps, a map over computed items, catalog
files, a conditional that takes its default branch, and a loop. `handled` and `handled_map` have failure handlers: in
`handled` a task fails, in `handled_map` an item of a map.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from compare import summary

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore

STEPS = """
    import os

    def part(item, unit):
        assert open("sizes.txt").read() == "small large"
        return [item, unit], type(item).__name__

    def collect(pairs):
        os.makedirs("out/deep", exist_ok=True)
        for number, pair in enumerate(pairs):
            with open(f"out/deep/pair-{number}.txt", "w") as file:
                file.write(str(pair))
        return pairs, float(len(pairs))

    def other():
        return "taken by its name"

    def otherwise():
        return [open(f"in/deep/{name}").read() for name in sorted(os.listdir("in/deep"))]

    def grow(total=0, turn=None):
        total += 5
        return total, total >= 10

    def boom(item=0):
        if item != 1:
            raise ValueError(f"boom {item}")
        return item

    def handle(error):
        return {"type": error.type, "exception": error.exception, "lines": len(error.stacktrace.splitlines()) > 2}

    def after():
        raise AssertionError("a step after a handled failure has run")
    """
EVERY = """
    from flowc.pipeline import (
        Catalog, Conditional, Loop, Map, NotebookTask, Pipeline, PythonTask, ShellTask, Stub, metric, pickled,
    )
    import work

    def P(*steps):
        return Pipeline(steps=[*steps])

    def T(name, *returns, **more):
        return PythonTask(name=name, function=getattr(work, name), returns=[*returns], **more)

    EVERY = [
        ShellTask(
            name="list_sizes",
            command='''
                set -eu
                printf 'small large' > sizes.txt
                export sizes='[0.5, 2, "a.csv"]'   # a comment
                echo "unit=$unit" >> "$FLOWC_RETURNS"
                exit 0
            ''',
            returns=["sizes", "unit"],
            catalog=Catalog(put=["sizes.txt"]),
        ),
        Map(name="each", iterate_on="sizes", iterate_as="item", reducer={"kinds": "lambda kinds: sorted(kinds)"}, branch=P(
            T("part", pickled("pairs"), "kinds", catalog=Catalog(get=["sizes.txt"])),
        )),
        T("collect", "report", metric("files"), catalog=Catalog(put=["deep"], compute_data_folder="out")),
        Conditional(name="choose", parameter="files", branches={"7": P(T("other", "label"))}, default=P(
            T("otherwise", "label", catalog=Catalog(get=["deep/*.txt"], compute_data_folder="in")))),
        Loop(name="again", branch=P(T("grow", "total", "done")), max_iterations=5, break_on="done", index_as="turn"),
    ]
    NOTEBOOK = NotebookTask(name="read", notebook="read.ipynb", returns=["words", pickled("shape")],
                            catalog=Catalog(get=["sizes.txt"]))
    every = Pipeline(name="every", parameters={"unit": "kg"}, steps=EVERY)
    noted = Pipeline(name="noted", parameters={"unit": "kg"}, steps=[*EVERY, NOTEBOOK, Stub(name="last")])
    short = Pipeline(name="short", parameters={"unit": "kg"}, steps=[
        *EVERY[:2], NOTEBOOK, T("boom", "x", on_failure=P(T("handle", "how"))), T("after"),
    ])
    handled = Pipeline(name="handled", steps=[T("boom", "x", on_failure=P(T("handle", "how"))), T("after")])
    handled_map = Pipeline(name="handled_map", parameters={"items": [1, 2, 3]}, steps=[
        Map(name="each", iterate_on="items", iterate_as="item", branch=P(T("boom", "x")), on_failure=P(T("handle", "how"))),
        T("after"),
    ])
    """


def _cell(source: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {"tags": [*tags]},
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


NOTEBOOK = {
    "cells": [
        _cell("total = 1\nunit = ''", ("parameters",)),
        _cell("words = [*open('sizes.txt').read().split(), total, unit]\nprint(words)"),
        _cell("class Shape:\n    sides = 3\nshape = [*pairs]"),
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 4,
}
FILES = {"work.py": STEPS, "pipelines.py": EVERY, "read.ipynb": json.dumps(NOTEBOOK)}

OUTPUTS = {
    "every": {
        "kinds": ["float", "int", "str"],
        "label": ["[0.5, 'kg']", "[2, 'kg']", "['a.csv', 'kg']"],
        "total": 10,
        "report": [[0.5, "kg"], [2, "kg"], ["a.csv", "kg"]],
    },
    "noted": {"words": ["small", "large", 10, "kg"], "shape": [[0.5, "kg"], [2, "kg"], ["a.csv", "kg"]]},
    "short": {
        "words": ["small", "large", 1, "kg"],
        "shape": [[0.5, "kg"], [2, "kg"], ["a.csv", "kg"]],
        "how": {"type": "builtins.ValueError", "exception": "boom 0", "lines": True},
    },
    "handled": {"how": {"type": "builtins.ValueError", "exception": "boom 0", "lines": True}},
    "handled_map": {"how": {"type": "builtins.ValueError", "exception": "boom 2", "lines": True}},
}


def results(run: RunStore) -> dict[str, Any]:
    """Return `compare.summary` without executed notebooks, which contain the times of their cells."""
    found = summary(run)
    for attempts in found["tasks"].values():
        for attempt in attempts:
            if attempt is not None:
                attempt["artifacts"].pop("executed_notebook", None)
    return found
