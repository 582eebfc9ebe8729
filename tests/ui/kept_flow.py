"""A flow whose tasks make, inherit and read artifacts of many kinds, and a server of its runs."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from project import Project
from ui.served import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ui.served import Served

KEPT = """
    import numpy, pandas
    from PIL import Image
    from metaflow import FlowSpec, Parameter, step

    class Mine:
        def __repr__(self):
            open("called", "w").close()
            return "my own repr"

    class Kept(FlowSpec):
        fails = Parameter("fails", default=False)

        @step
        def start(self):
            self.short = [1, 2, 3]
            self.text = "<script>alert(1)</script> " + "word " * 400
            self.settings = {"depth": [1, 2], "names": ["a<b"] * 30, "own": Mine()}
            self.table = pandas.DataFrame({"a<b": range(40), "city": ["K\\u00f6ln"] * 40, "own": [Mine()] * 40})
            self.array = numpy.array([0.0] * 90 + [8.0] * 10 + [numpy.nan])
            self.picture = Image.new("RGB", (300, 150), "red")
            self.model = list(range(100))
            self.items = [0, 1, 2]
            self.next(self.train, foreach="items")

        @step
        def train(self):
            self.score = sum(self.model) * self.input
            self.shared = "s" * 200
            self.next(self.check)

        @step
        def check(self):
            self.checked = self.score if self.input == 1 else 0
            self.next(self.join)

        @step
        def join(self, inputs):
            self.scores = [each.score for each in inputs]
            self.merge_artifacts(inputs, include=["model", "shared", "array", "text"])
            self.next(self.last)

        @step
        def last(self):
            self.model = self.model + [1]
            print(self.array.sum())
            self.next(self.end)

        @step
        def end(self):
            print(self.shared, self.model)
            if self.fails:
                raise ValueError("asked for")

    if __name__ == "__main__":
        Kept()
    """


@contextlib.contextmanager
def kept(directory: Path, *runs: tuple[str, ...], flow: str = KEPT) -> Iterator[Served]:
    """Run the flow once for each tuple of options, and serve the page of its store."""
    with contextlib.closing(Project(directory)) as project:
        del project.environment["PYTHONWARNINGS"]  # of packages that a table or an image needs
        project.write("flow.py", flow)
        for options in runs:
            project.flowc("run", "--local", "flow.py", *options)
        with serving(project) as served:
            served.newest = project.latest().id  # tests may add runs to the store
            yield served


def task_page(served: Served, step: str, path: str = "0", query: str = "", run: str = "") -> str:
    """Return the HTML of a task's page, of the newest run if none is given."""
    (flow,) = served.project.store.flows()
    answer = served.get(f"run/{flow}/{run or served.newest or served.project.latest().id}/{step}/{path}{query}")
    assert answer.status == 200, answer.body.decode()
    return answer.body.decode()


def row_of(page: str, name: str) -> str:
    """Return the row of an artifact in the HTML of a page."""
    rows = {part.partition('"')[0]: part for part in page.split('<tr data-key="')[1:]}
    assert name in rows, f"no row of {name}, but {[*rows]}"
    return re.split("</tbody></table></div>(?!<span)", rows[name])[0]


def links(part: str) -> list[str]:
    """Return the addresses of the links in a part of a page."""
    return re.findall(r'href="([^"]*)"', part)


def cells_of(page: str, name: str) -> dict[str, str]:
    """Return the cells of an artifact's row: its preview, `made` and `read`."""
    row = row_of(page, name)
    made, read = re.findall(r'<td class="lineage">(.*?)</td>', row, re.DOTALL)
    preview = re.search(r'<td class="preview">(.*?)</td><td class="type">', row, re.DOTALL)
    assert preview
    return {"preview": preview[1], "made": made, "read": read}
