"""A flow with metrics, a foreach and results, whose runs the tests of comparisons, exports and trends look at."""

from __future__ import annotations

import contextlib
import re
from html import unescape
from typing import TYPE_CHECKING

from project import Project
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ui.served import Served

MEASURED = '''
    from metaflow import FlowSpec, Parameter, card, current, step
    from metaflow.cards import Markdown


    class Measured(FlowSpec):
        """A flow with metrics."""

        rate = Parameter("rate", default=0.5)
        note = Parameter("note", default="plain")
        fail = Parameter("fail", default=False)

        @card
        @step
        def start(self):
            current.card.append(Markdown("# The card of start"))
            for turn in range(4):
                current.metric("loss", self.rate / (turn + 1), turn)
            self.next(self.each, foreach="numbers")

        numbers = [1, 2, 3]

        @step
        def each(self):
            print(f"\\x1b[31mitem {self.input}\\x1b[0m <b>bold</b>")
            if self.fail and self.input == 3:
                raise ValueError("item 3 <i>fails</i> as asked")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            self.same = "equal in all runs"
            self.result = f"rate {self.rate}"
            if self.note == "special":
                self.extra = [1, 2, 3]
            current.metric("accuracy", 1 - self.rate)
            current.metric("odd", float("nan"))


    if __name__ == "__main__":
        Measured()
    '''


@contextlib.contextmanager
def measured(directory: Path) -> Iterator[Served]:
    """Serve a store with four runs of `Measured`: two with different rates, one from changed code, and a failed run."""
    with contextlib.closing(Project(directory)) as project:
        project.environment["METAFLOW_USER"] = "ann"
        project.write("measured.py", MEASURED)
        project.run("measured.py")
        project.run("measured.py", "--rate", "0.25", "--note", "special", "--tag", "second")
        project.write("measured.py", MEASURED.replace("1 - self.rate", "2 - self.rate"))
        project.run("measured.py")
        fail(project)
        with serving(project) as served:
            yield served


def fail(project: Project) -> None:
    """Run `Measured` such that its last item fails, after the other items have ended."""
    assert project.flowc("run", "--local", "measured.py", "--fail", "True", "--max-workers", "1").code == 1


def rows_of(html: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table after a heading: the text of the first cell, and the texts of the others."""
    table = html.partition(f">{heading}</h2>")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = (
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    )
    return {plain(cells[0]): [plain(cell) for cell in cells[1:]] for cells in rows}


def plain(html: str) -> str:
    """Return the text of HTML without its elements, with single blanks."""
    return unescape(" ".join(re.sub("<[^>]*>", " ", html).split()))
