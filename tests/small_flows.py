"""A flow of two small steps, which most tests use. Each test passes the code that it tests as an argument."""

from __future__ import annotations


def two_steps(
    name: str,
    *,
    imports: str = "FlowSpec, step",
    decorators: str = "",
    start: str = "",
    end: str = "pass",
    guard: bool = True,
) -> str:
    """Return the source of a flow with the steps start and end, for `Project.write`.

    Args:
        name: Name of the flow's class.
        imports: Names that the file imports from metaflow.
        decorators: Decorators of the class.
        start: A line of the step start.
        end: A line of the step end.
        guard: End the file with a call of the class, as `python flow.py` needs it.
    """
    lines = [
        f"from metaflow import {imports}",
        "",
        *([decorators] if decorators else []),
        f"class {name}(FlowSpec):",
        "    @step",
        "    def start(self):",
        *([f"        {start}"] if start else []),
        "        self.next(self.end)",
        "",
        "    @step",
        "    def end(self):",
        f"        {end}",
        *(["", 'if __name__ == "__main__":', f"    {name}()"] if guard else []),
    ]
    return "\n" + "".join(f"    {line}\n" if line else "\n" for line in lines) + "    "
