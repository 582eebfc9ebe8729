"""The front end, in addition to the goldens: which class is selected, positions in the source, and forms of flows."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowc.frontends.metaflow.flowspec import load
from flowc.frontends.reserved_names import FLOW_API
from flowc_ir import Branch, Flow, Span, Timeout, schema
from metaflow import FlowSpec

if TYPE_CHECKING:
    from flowc.frontends.loaded import Loaded

pytestmark = pytest.mark.usefixtures("fresh_imports")

STEPS = """
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def write(root: Path, text: str, file: str = "case_flow.py") -> Path:
    (root / file).write_text("from metaflow import *\n" + textwrap.dedent(text))
    return root / file


def flow_of(path: Path, class_name: str | None = None) -> Flow:
    loaded = load(path, class_name=class_name)
    assert loaded.flow is not None, loaded.diagnostics
    return loaded.flow


def codes(loaded: Loaded) -> list[str]:
    return [diagnostic.code for diagnostic in loaded.diagnostics]


def test_names_of_the_api_are_reserved() -> None:
    assert {name for name in vars(FlowSpec) if not name.startswith("_")} <= FLOW_API


# -- which class -------------------------------------------------------------------------------------------------------

TWO = f"class One(FlowSpec):{STEPS}\nclass Two(FlowSpec):{STEPS}\n"


def test_a_name_picks_one_of_several(tmp_path: Path) -> None:
    path = write(tmp_path, TWO)
    assert codes(load(path)) == ["many-flows"]
    assert flow_of(path, "One").name == "One"
    missing = load(path, class_name="Tow")
    assert codes(missing) == ["no-flow"]
    assert missing.diagnostics[0].hint == "did you mean 'Two'?"


def test_what_is_called_under_main_is_the_flow(tmp_path: Path) -> None:
    assert flow_of(write(tmp_path, TWO + 'if __name__ == "__main__":\n    Two()\n')).name == "Two"


def test_a_flow_of_another_file_can_be_the_one_under_main(tmp_path: Path) -> None:
    write(tmp_path, f"class Far(FlowSpec):{STEPS}", "far_away.py")
    path = write(tmp_path, 'from far_away import Far\nif __name__ == "__main__":\n    Far()\n')
    flow = flow_of(path)
    assert (flow.code.file, flow.code.name) == ("case_flow.py", "Far")
    assert flow.where.file == "far_away.py"


def test_what_hooks_of_extensions_have_changed_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The IR is verified again after hooks of extensions have changed it, so an invalid IR is never used."""

    def begin_plugins(program: object, flow: Flow, *others: object) -> Flow:
        return replace(flow, nodes=tuple(replace(node, timeout=Timeout(seconds=0)) for node in flow.nodes))

    monkeypatch.setattr("flowc.frontends.metaflow.lower_class.begin_plugins", begin_plugins)
    loaded = load(write(tmp_path, f"class Case(FlowSpec):{STEPS}"))
    assert (loaded.flow, codes(loaded)) == (None, ["bad-policy", "bad-policy"])


def test_a_base_class_is_not_a_flow_of_its_own(tmp_path: Path) -> None:
    assert flow_of(write(tmp_path, f"class Base(FlowSpec):{STEPS}\nclass Real(Base):\n    pass\n")).name == "Real"


# -- the same flow in every mode ---------------------------------------------------------------------------------------


def test_a_class_of_main_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, f"class Demo(FlowSpec):{STEPS}")
    path.write_text(
        path.read_text()
        + textwrap.dedent("""
        if __name__ == "__main__":
            from flowc_runtime.process.loader import adopt_main
            adopt_main()
            from flowc.frontends.metaflow.flowspec import load_class
            from flowc_ir import schema
            print(schema.dumps(load_class(Demo).flow))
        """)
    )
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    ran = subprocess.run([sys.executable, path.name], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert ran.stdout.decode().strip() == schema.dumps(flow_of(path))


# -- ways to write a flow ----------------------------------------------------------------------------------------------


def test_spans_count_characters_and_stop_at_the_colon(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        class Demo(FlowSpec):
            @step
            def start(
                self,
            ) -> None:
                größe = "日本"; self.x = größe
                self.next(self.wärme, self.b)

            @step
            def wärme(self) -> "dict[str, int]": self.next(self.join)  # one line
            @step
            def b(this): this.next(this.join)
            @step
            def join(self, inputs): self.next(self.nd)
            @step
            def end(self): ...
        """,
    )
    (diagnostic,) = load(path).diagnostics
    assert (diagnostic.span, diagnostic.span.width) == (Span("case_flow.py", 16, 39), 7)
    path.write_text(path.read_text().replace("self.nd", "self.end"))
    flow = flow_of(write(tmp_path, path.read_text().partition("\n")[2], "other_flow.py"))
    assert flow.nodes[0].next == Branch(targets=("wärme", "b"))
    widths = {node.id: (node.where.line, node.where.column, node.where.width) for node in flow.nodes}
    assert widths["start"] == (5, 5, len("def start("))
    assert widths["wärme"] == (12, 5, len('def wärme(self) -> "dict[str, int]"'))
    assert flow.where == Span("other_flow.py", 3, 1)


def test_wrapping_decorators_of_the_user(tmp_path: Path) -> None:
    """If a wrapper lacks functools.wraps, the front end finds the step in the body of the class."""
    write(
        tmp_path,
        """
        import functools

        def wrapped(function):
            @functools.wraps(function)
            def inner(self, *args):
                return function(self, *args)
            return inner

        def bare(function):
            def inner(self, *args):
                return function(self, *args)
            return inner
        """,
        "wrappers.py",
    )
    flow = flow_of(
        write(
            tmp_path,
            """
            from wrappers import bare, wrapped

            class Demo(FlowSpec):
                @step
                @wrapped
                def start(self):
                    self.next(self.middle)

                @wrapped
                @step
                def middle(self):
                    self.next(self.last)

                @step
                @bare
                def last(self):
                    self.next(self.end)

                @step
                def end(self):
                    pass
            """,
        )
    )
    assert [(node.id, node.where.file) for node in flow.nodes] == [
        (name, "case_flow.py") for name in ("start", "middle", "last", "end")
    ]


def test_steps_of_an_installed_package_are_placed_from_where_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site"
    (installed / "acme").mkdir(parents=True)
    (installed / "acme" / "__init__.py").touch()
    write(installed, f"class AcmeBase(FlowSpec):{STEPS}", "acme/base.py")
    monkeypatch.syspath_prepend(installed)
    (tmp_path / "flow").mkdir()
    path = write(tmp_path / "flow", "from acme.base import AcmeBase\nclass Demo(AcmeBase):\n    pass\n")
    flow = flow_of(path)
    assert {node.where.file for node in flow.nodes} == {"acme/base.py"}
    assert str(tmp_path) not in schema.dumps(flow)


def test_a_step_is_never_run_and_a_default_never_called(tmp_path: Path) -> None:
    flow = flow_of(
        write(
            tmp_path,
            """
            class Demo(FlowSpec):
                seed = Parameter("seed", default=lambda: 1 / 0)

                @step
                def start(self):
                    raise SystemExit("run!")
                    self.next(self.end)

                @step
                def end(self):
                    raise SystemExit("run!")
            """,
        )
    )
    assert flow.parameters[0].computed


def test_a_file_without_a_guard_is_refused(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, f"class Demo(FlowSpec):{STEPS}\nDemo()\n"))
    assert codes(loaded) == ["unguarded-flow"]
    assert '__name__ == "__main__"' in (loaded.diagnostics[0].hint or "")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\x00", "syntax-error"),
        (b"def f(:\n", "syntax-error"),
        (b"\xff\xfe", "syntax-error"),
        (b"raise SystemExit(3)\n", "import-failed"),
        (b"class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E\n", "import-failed"),
        (b"from helper_with_an_error import x\n", "syntax-error"),
        (b"", "no-flow"),
        (b"from metaflow import FlowSpec\nclass Demo(FlowSpec):\n    pass\n", "no-end"),
    ],
)
def test_hostile_files_end_in_a_diagnostic(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "helper_with_an_error.py").write_text("x = = 1\n")
    (tmp_path / "hostile_flow.py").write_bytes(content)
    assert code in codes(load(tmp_path / "hostile_flow.py"))


def test_values_whose_repr_fails_are_still_reported(tmp_path: Path) -> None:
    loaded = load(
        write(
            tmp_path,
            """
class Odd:
    def __repr__(self):
        raise ValueError

class Demo(FlowSpec):
    a = Parameter("a", type=Odd())
    b = Parameter("b", default=Odd())
    c = Parameter("c", type=int, default=Odd())
    @retry(times=Odd())
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        pass
""",
        )
    )
    assert codes(loaded) == ["bad-parameter", "bad-parameter", "bad-parameter", "bad-argument"]


def test_guarded_imports_are_left_to_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"try:\n    from metaflow import card\nexcept ImportError:\n    card = None\nclass Demo(FlowSpec):{STEPS}",
    )
    assert flow_of(path).name == "Demo"
