"""flowc reads every flow that Python accepts, also code that is nested deeper than Python's recursion limit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

TERMS = 1100
DEEP = {
    "sum": " + ".join(["a"] * TERMS),
    "attributes": "a" + ".real" * TERMS,
    "calls": "f" + "()" * TERMS,
    "methods": "a" + ".conjugate()" * (TERMS // 2),
    "parts": "Path('here')" + " / 'sub'" * TERMS,
    "signs": "-" * TERMS + "a",
    "choices": "1 if a else " * TERMS + "2",
    "items": "d" + "['x']" * TERMS,
}
ARMS = "\n".join(
    ["if a == 0:", "    b = 0", *(line for n in range(TERMS) for line in (f"elif a == {n}:", f"    b = {n}"))]
)
FLOW = """
from pathlib import Path
from metaflow import FlowSpec, Parameter, retry, step

a = 1

def f():
    return f

{top}

class Deep(FlowSpec):
    size = Parameter("size", default={sum})

    @retry(times={sum})
    @step
    def start(self):
        self.name = "deep"
{inside}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Deep()
"""


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def test_every_reader_reads_it(project: Project) -> None:
    code = "\n".join([*(f"b = {text}" for text in DEEP.values()), ARMS])
    at_import = "\n".join([*(f"b = {text}" for name, text in DEEP.items() if name not in ("parts", "items")), ARMS])
    top = f"def g(a, d):\n{indented(code, 4)}\n{at_import}"
    inside = f"a, d, Path = 1, None, str\nif self.name == 'other':\n{indented(code, 4)}"
    text = FLOW.format(top=top, inside=indented(inside, 8), sum=DEEP["sum"])
    try:
        compile(text, "flow.py", "exec")
    except (RecursionError, MemoryError, SyntaxError):
        pytest.skip(f"Python {sys.version.partition(' ')[0]} does not read this itself")
    (project.root / "flow.py").write_text(text, encoding="utf-8")
    for words in (("check",), ("doctor",), ("compile", "-o", "flow.yaml"), ("run", "--max-workers", "1")):
        done = project.flowc(words[0], "flow.py", *words[1:])
        assert done.code == 0, (words, done.err)
    assert "flow.py:" in project.flowc("doctor", "flow.py").out, "what is too deep is told with its line"
    assert "--size" in project.flowc(COMP_LINE="flowc run flow.py --s", _FLOWC_COMPLETE="bash_complete").out
