"""The packages of a step in the IR, from decorators of the step and of the flow's class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc_ir import Packages, schema
from flowc_ir.text import print_flow
from metaflow import conda_environment_yml_parser, pyproject_toml_parser, requirements_txt_parser
from metaflow.plugins.pypi.parsers import ParserValueError
from small_flows import two_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        two_steps("Plain", guard=False),
    )
    flow = load(path).flow
    assert flow is not None
    assert "packages" not in schema.dumps(flow)


# -- results of parsers, which the decorators accept -------------------------------------------------------------------


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize(
    ("content", "packages", "python"),
    [
        ("-e file:.\nrequests==2.31.0\n", {"requests": "2.31.0"}, None),
        ("python==3.11.*\n", {}, "3.11.*"),
        ("python>=3.9,<3.13\nsix\n", {"six": ""}, "<3.13,>=3.9"),
        ("python\n", {}, None),
        ("a[ b , c ] >= 1, < 2,\n", {"a[b,c]": "<2,>=1"}, None),
        ("pkg @ git+https://example.org/y.git\n", {"pkg@git+https://example.org/y.git": ""}, None),
        ("a==1.*\nb===1.0+local\n", {"a": "1.*", "b": "1.0+local"}, None),
    ],
)
def test_requirements_txt(project: Project, content: str, packages: dict[str, str], python: str | None) -> None:
    assert requirements_txt_parser(content) == {"packages": packages, "python": python}
    check_taken(project, packages, python)


@pytest.mark.parametrize("line", ["-e .", "-e file:src", "-r other.txt", "--pre", "numpy = 1.1.1", "numpy==1.0#c",
                                  "a==${V}", "a[b c]", "a==1 --hash=sha256:0", "https://x/y.whl"])  # fmt: skip
def test_lines_that_are_no_requirement(line: str) -> None:
    with pytest.raises(ParserValueError, match=re.escape(f"Not a valid PEP 508 requirement: '{line}'")):
        requirements_txt_parser(f"six\n{line}\n")


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize(
    ("written", "packages", "python"),
    [
        ("numpy = 1.1.1", {"numpy": "1.1.1"}, None),
        ("numpy= 1.1.1", {"numpy": "1.1.1"}, None),
        ("numpy == 1.2", {"numpy": "1.2"}, None),
        ("numpy>= 1, <2", {"numpy": ">= 1, <2"}, None),
        ("numpy=1,2", {"numpy": "1,2"}, None),
        ("numpy=1|2", {"numpy": "1|2"}, None),
        ("numpy=*", {"numpy": "*"}, None),
        ("pandas=1.0=py38_0", {"pandas": "1.0=py38_0"}, None),
        ("_libgcc_mutex=0.1=main", {"_libgcc_mutex": "0.1=main"}, None),
        ("python = 3.10.*", {}, "3.10.*"),
        ("python>=3.9", {}, ">=3.9"),
        ("python", {}, ""),
    ],
)
def test_environment_yml(project: Project, written: str, packages: dict[str, str], python: str | None) -> None:
    assert conda_environment_yml_parser(f"dependencies:\n- {written}\n") == {"packages": packages, "python": python}
    check_taken(project, packages, python, by="conda")


@pytest.mark.parametrize("line", ["numpy=", "nonsense!", "-x", "conda-forge::numpy=1.0", "numpy 1.2", "'numpy=1'"])
def test_lines_that_are_no_package_of_conda(line: str) -> None:
    with pytest.raises(ParserValueError, match="not a valid conda package specifier"):
        conda_environment_yml_parser(f"dependencies:\n- {line}\n")


@pytest.mark.usefixtures("fresh_imports")
@pytest.mark.parametrize("asked", ["", "3.9", "==3.9.1", ">=3.9,<4", "~=3.9", "==3.12.*", "!=3.9.0,>=3.9"])
def test_pyproject_toml(project: Project, asked: str) -> None:
    found = pyproject_toml_parser(f'[project]\nname = "x"\nrequires-python = "{asked}"\ndependencies = ["six>=1"]\n')
    assert found == {"packages": {"six": ">=1"}, "python": asked.removeprefix("==")}
    check_taken(project, found["packages"], found["python"])


def check_taken(project: Project, packages: Mapping[str, str], python: str | None, by: str = "pypi") -> None:
    """Assert that the decorators accept the result of a parser and that the IR contains it."""
    loaded = load(
        project.write(
            "flow.py",
            f"""
            from metaflow import FlowSpec, conda, pypi, step

            class Packed(FlowSpec):
                @{by}(packages={packages!r}, python={python!r})
                @step
                def start(self):
                    self.next(self.end)

                @step
                def end(self):
                    pass
            """,
        )
    )
    assert loaded.flow is not None, loaded.diagnostics
    found = loaded.flow.by_id()["start"].packages
    assert found == Packages(python=python or None, **{by: tuple(packages.items())})
