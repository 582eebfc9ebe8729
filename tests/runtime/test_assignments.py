"""The error about an artifact that cannot be stored names the line of its assignment in the code that ran."""

from __future__ import annotations

import importlib.util
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.run.task.failures import describe

if TYPE_CHECKING:
    from pathlib import Path

CASES = {
    "a method of that name in a class below": """
        class Flow:
            def start(self):
                self.x = 1  # here

        class Timer:
            def start(self):
                self.x = 2
        """,
    "a method of that name in a class above": """
        class Timer:
            def start(self):
                self.x = 2

        class Flow:
            def start(self):
                self.x = 1  # here
        """,
    "the other arm of a condition": """
        import sys
        class Flow:
            if sys.maxsize:
                def start(self):
                    self.x = 1  # here
            else:
                def start(self):
                    self.x = 2
        """,
    "a class that another of its name replaces": """
        class Base:
            def start(self):
                self.x = 1  # here

        class Flow(Base):
            pass

        class Base:
            def start(self):
                self.x = 2
        """,
    "an earlier definition": """
        class Flow:
            def start(self):
                self.x = 2

            def start(self):
                self.x = 1  # here
        """,
    "a decorator of several lines": """
        def same(*words):
            return lambda function: function

        class Flow:
            @same(
                "a",
                "b",
            )
            @same()
            def start(self):
                self.x = 1  # here

            def later(self):
                self.x = 2
        """,
    "a step of the flow's own name": """
        class Flow:
            def start(self):
                def start(self):
                    self.x = 2
                self.x = 1  # here
        """,
    "an assignment that is deeper than the last one": """
        class Flow:
            def start(self):
                if self:
                    self.x = 0
                self.x = 1  # here
        """,
    "an async function and a lambda": """
        class Flow:
            start = lambda self: setattr(self, "x", 1)
            async def begin(self):
                self.x = 2
        """,
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_the_line_is_that_of_the_code_that_ran(code: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.py"
    path.write_text(textwrap.dedent(code))
    spec = importlib.util.spec_from_file_location("flow", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    described = describe(ArtifactError("x", "a lock cannot be pickled"), str(tmp_path), module.Flow.start.__code__)
    expected = [number for number, line in enumerate(path.read_text().split("\n"), 1) if line.endswith("# here")]
    assert [frame["line"] for frame in described["frames"]] == expected
