"""Which packages a step has in the IR: its own, and those of the flow's class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.frontend.flowspec import load
from flowc.ir import Packages, schema
from flowc.ir.text import print_flow

if TYPE_CHECKING:
    from project import Project


@pytest.mark.usefixtures("fresh_imports")
def test_a_step_adds_to_what_its_flow_says(project: Project) -> None:
    path = project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, conda, pypi, pypi_base, step

        @pypi_base(packages={"Foo_Bar": "1.0", "six": ""}, python="3.12")
        class Base(FlowSpec):
            pass

        class Packed(Base):
            @step
            def start(self):
                self.next(self.other)

            @pypi(packages={"foo-bar": " >=2 ", "new": "3"})
            @step
            def other(self):
                self.next(self.both)

            @conda(packages={"zlib": "1.3"}, libraries={"zlib": "1.2", "openssl": ""}, python="3.11")
            @step
            def both(self):
                self.next(self.end)

            @pypi(disabled=True)
            @step
            def end(self):
                pass
        """,
    )
    flow = load(path).flow
    assert flow is not None
    base = (("Foo_Bar", "1.0"), ("six", ""))
    assert {node.id: node.packages for node in flow.nodes} == {
        "start": Packages(python="3.12", pypi=base),
        "other": Packages(python="3.12", pypi=(("six", ""), ("foo-bar", ">=2"), ("new", "3"))),
        "both": Packages(python="3.11", pypi=base, conda=(("zlib", "1.3"), ("openssl", ""))),
        "end": Packages(disabled=True),
    }
    assert schema.loads(schema.dumps(flow)) == flow
    text = print_flow(flow)
    assert "    packages python 3.12, pypi Foo_Bar 1.0, pypi six\n" in text
    assert "    packages disabled\n" in text


@pytest.mark.usefixtures("fresh_imports")
def test_a_flow_without_packages_says_nothing_of_them(project: Project) -> None:
    path = project.write(
        "flow.py",
        """
        from metaflow import FlowSpec, step

        class Plain(FlowSpec):
            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    flow = load(path).flow
    assert flow is not None
    assert "packages" not in schema.dumps(flow)
