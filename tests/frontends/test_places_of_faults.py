"""A diagnostic has the position of the faulty object, even if other objects have the same name."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from flowc.frontends.metaflow.flowspec import load

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("fresh_imports")

START = "from metaflow import *\nimport sys\n"
END = """
    @step
    def end(self):
        pass
"""

# Each file defines a flow called Flow, which has one fault; the faulty line ends in `# here`.
CASES = {
    "a decorator of a class of the same name in the other arm": """
        if not sys.maxsize:
            @schedule(cron="no")
            class Flow(FlowSpec):
                @step
                def start(self):
                    self.next(self.end)
                END
        else:
            @schedule(cron="no")  # here
            class Flow(FlowSpec):
                @step
                def start(self):
                    self.next(self.end)
                END
        """,
    "the same, and the arm above is the one that ran": """
        if sys.maxsize:
            @schedule(cron="no")  # here
            class Flow(FlowSpec):
                @step
                def start(self):
                    self.next(self.end)
                END
        else:
            @schedule(cron="no")
            class Flow(FlowSpec):
                @step
                def start(self):
                    self.next(self.end)
                END
        """,
    "a parameter of a base that another class of its name replaces": """
        class Base(FlowSpec):
            size = Parameter("size", required="x")  # here
            @step
            def start(self):
                self.next(self.end)
            END

        class Flow(Base):
            pass

        class Base:
            size = 1
        """,
    "a parameter in a condition": """
        class Flow(FlowSpec):
            if sys.maxsize:
                size = Parameter("size", required="x")  # here
            else:
                size = Parameter("size", required="x")
            @step
            def start(self):
                self.next(self.end)
            END
        """,
    "a step in a condition": """
        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                def start(self, a, b, c):  # here
                    self.next(self.end)
            else:
                @step
                def start(self, a, b, c):
                    self.next(self.end)
            END
        """,
    "the decorator of a step in a condition": """
        class Flow(FlowSpec):
            if not sys.maxsize:
                @retry(times="x")
                @step
                def start(self):
                    self.next(self.end)
            else:
                @retry(times="x")  # here
                @step
                def start(self):
                    self.next(self.end)
            END
        """,
    "a step that is inherited, and a method of its name elsewhere": """
        class Timer:
            @retry(times="x")
            def start(self):
                pass

        class Base(FlowSpec):
            @retry(
                times="x"  # here
            )
            @step
            def start(self):
                self.next(self.end)
            END

        class Flow(Base):
            pass
        """,
    "a lambda": """
        class Flow(FlowSpec):
            start = step(lambda self: self.next(self.end))  # here
            END
        """,
    "a step in a wrapper without functools.wraps, in a condition": """
        def bare(function):
            def wrapper(self):
                return function(self)
            return wrapper

        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @step
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "the same in nested conditions, with two such wrappers": """
        def bare(function):
            def wrapper(self):
                return function(self)
            return wrapper

        class Flow(FlowSpec):
            if sys.maxsize:
                if not sys.maxsize:
                    @step
                    @bare
                    @bare
                    def start(self):
                        self.next(self.end)
                else:
                    @step
                    @bare
                    @bare
                    def start(self):
                        self.next(self.nowhere)  # here
            else:
                @step
                @bare
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "the same in the arms of a `try`": """
        def bare(function):
            def wrapper(self):
                return function(self)
            return wrapper

        class Flow(FlowSpec):
            try:
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
            except ImportError:
                @step
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "the same in a loop": """
        def bare(function):
            def wrapper(self):
                return function(self)
            return wrapper

        class Flow(FlowSpec):
            for number in range(3):
                if number == 2:
                    @step
                    @bare
                    def start(self):
                        self.next(self.nowhere)  # here
                else:
                    @step
                    @bare
                    def start(self):
                        self.next(self.end)
            END
        """,
    "a wrapper whose closure has both definitions": """
        def bare(function):
            def wrapper(self):
                return function(self)
            return wrapper

        def instead_of(other):
            def decorator(function):
                def wrapper(self):
                    return other or function(self)
                return wrapper
            return decorator

        class Flow(FlowSpec):
            if sys.maxsize:
                @bare
                def start(self):
                    self.next(self.end)

                @step
                @instead_of(start)
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                def start(self):
                    self.next(self.end)
            END
        """,
    "a wrapper that has the step as a default argument": """
        def bare(function):
            def wrapper(self, function=function):
                return function(self)
            return wrapper

        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @step
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "a wrapper that has the step in a functools.partial": """
        import functools

        def bare(function):
            call = functools.partial(function)
            return lambda self: call(self)

        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @step
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "a wrapper that another file's decorator marks as a step": """
        from own_steps import own_step

        class Flow(FlowSpec):
            if sys.maxsize:
                @own_step
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @own_step
                def start(self):
                    self.next(self.end)
            END
        """,
    "a wrapper that is no function and holds one in `__wrapped__`, inside another": """
        import functools

        def bare(function):
            call = functools.lru_cache(function)
            return lambda self: call(self)

        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @step
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "a closure whose objects answer to every name": """
        from unittest import mock

        def bare(function):
            spy = mock.Mock()
            def wrapper(self):
                spy(self)
                return later(self)
            later = function
            return wrapper

        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @step
                @bare
                def start(self):
                    self.next(self.end)
            END
        """,
    "a function that replaces the step": """
        def replaced(function):
            return lambda self: None

        class Flow(FlowSpec):
            if sys.maxsize:
                @step
                @replaced
                def start(self):
                    self.next(self.nowhere)  # here
            else:
                @step
                @replaced
                def start(self):
                    self.next(self.end)
            END
        """,
    "a class whose only method is in a wrapper without functools.wraps, in a condition": """
        def bare(function):
            def wrapper(self):
                return function(self)
            return wrapper

        class Base(FlowSpec):
            END

        if sys.maxsize:
            class Flow(Base):
                @step
                @bare
                def start(self):
                    self.next(self.nowhere)  # here
        else:
            class Flow(Base):
                @step
                @bare
                def start(self):
                    self.next(self.end)
        """,
    "the second of two decorators of one name on one class": """
        @schedule(cron="0 0 * * *")
        @schedule(cron="no")  # here
        class Flow(FlowSpec):
            @step
            def start(self):
                self.next(self.end)
            END
        """,
}


def lines(path: Path) -> list[int]:
    return sorted({fault.span.line for fault in load(path, class_name="Flow").diagnostics})


def source(code: str) -> str:
    found: list[str] = []
    for line in textwrap.dedent(code).split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        found += textwrap.indent(textwrap.dedent(END), indent).split("\n") if line.strip() == "END" else [line]
    return START + "\n".join(found)


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_the_place_of_a_fault(code: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.py"
    path.write_text(source(code))
    (tmp_path / "own_steps.py").write_text(
        "from metaflow import step\n\n\ndef own_step(function):\n    return step(lambda self: function(self))\n"
    )
    expected = [number for number, line in enumerate(path.read_text().split("\n"), 1) if line.endswith("# here")]
    assert lines(path) == expected


def test_a_decorator_that_another_file_applies_is_not_the_one_in_that_line_of_the_flow(tmp_path: Path) -> None:
    """`careful` applies @retry in line 7 of its file; line 7 of the flow's file applies @retry to another step."""
    (tmp_path / "own.py").write_text(
        "from metaflow import retry\n\n\n\n\ndef careful(step):\n    return retry(times='x')(step)\n"
    )
    path = tmp_path / "flow.py"
    path.write_text(textwrap.dedent("""\
        from metaflow import FlowSpec, retry, step
        from own import careful


        class Flow(FlowSpec):
            @careful
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """))  # fmt: skip
    (fault,) = load(path).diagnostics
    assert (fault.span.file, fault.span.line) == ("flow.py", 8)
    assert fault.note == "@retry was applied in own.py:7"
