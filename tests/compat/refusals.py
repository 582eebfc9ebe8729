"""The refused features and their errors, read from the last table of docs/metaflow.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from project import ROOT

if TYPE_CHECKING:
    from project import Finished, Project

DOCUMENT = ROOT / "docs" / "metaflow.md"
_OF_FLOWS = (
    "@schedule", "@trigger", "@trigger_on_finish", "@project", "@exit_hook", "@airflow", "@package_sources",
)  # fmt: skip
_ON_ARGO = "argo: "


class Refusal(NamedTuple):
    """A row of the table: code or a command that flowc refuses, the error, and the hint below the error."""

    written: str
    error: str
    hint: str


def refusals() -> list[Refusal]:
    """Return the rows of the table."""
    table = DOCUMENT.read_text(encoding="utf-8").partition("## Refused")[2]
    cells = [[cell.strip().strip("`").strip() for cell in line.split(" | ")] for line in table.splitlines()[6:]]
    return [
        Refusal(written.removeprefix("| `"), error, hint.removesuffix("|").strip(" `"))
        for written, error, hint in cells
    ]


def refuse(project: Project, written: str) -> Finished:
    """Check a valid flow that also contains the refused code, or run the refused command; return the result."""
    on_argo, code = written.startswith(_ON_ARGO), written.removeprefix(_ON_ARGO)
    variables = dict(re.findall(r"^(\w+)=(\S+) python ", code))
    command = re.search(r"\bpython flow\.py (.*)$", code)
    project.write("flow.py", _flow("" if command else code))
    if command:
        return project.python("flow.py", *command[1].split(), **variables)
    if on_argo:
        return project.flowc("compile", "--target", "argo", "flow.py", "--image", "i", "--store", "s3://bucket/prefix")
    return project.python("flow.py", "run")


def _flow(code: str) -> str:
    of_flow = code.startswith(_OF_FLOWS)
    parts = {
        "imports": code if code.startswith(("import ", "from ")) else "",
        "of_flow": code if of_flow else "",
        "of_step": code if code.startswith("@") and not of_flow else "",
        "of_class": code if re.match(r"\w+ = ", code) else "",
        "of_body": code if code.startswith("self.") else "",
    }
    names = set(re.findall(r"@(\w+)|= (\w+)\(", code))
    used = ", ".join(sorted({"FlowSpec", "Parameter", "step"} | {name for pair in names for name in pair if name}))
    return (
        f"from metaflow import {used}\n{parts['imports']}\n{parts['of_flow']}\n"
        f"class Hello(FlowSpec):\n    who = Parameter('who', default='you')\n    {parts['of_class']}\n"
        f"    {parts['of_step']}\n    @step\n    def start(self):\n        {parts['of_body']}\n"
        "        self.next(self.end)\n\n    @step\n    def end(self):\n        pass\n\n"
        "if __name__ == '__main__':\n    Hello()\n"
    )
